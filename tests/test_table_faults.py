"""What a table of one's own may hold that nobody meant: each is refused or said, by name."""

import json
from pathlib import Path

import pytest

from clsunbias.__main__ import main
from tests.fakes import table_of
from tests.pages import records, report
from tests.test_cli import CONFIGS


def fitted(folder: Path, *options: str) -> int:
    """Status of a short run on ``my_table.csv`` in a folder, which has three features."""
    table = ["--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(folder), "--out", str(folder / "run")]
    short = ["--model.network.in_features", "3", "--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
    return main(["fit", *table, *short, *options])


def test_a_report_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of classes from the config, else the table, else none and a note; a table that has changed is noted."""
    table, html = table_of(60, 3), tmp_path / "page.html"
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    table.assign(label=table["label"].map({0: "well", 1: "ill"})).to_csv(tmp_path / "my_table.csv", index=False)
    assert fitted(tmp_path, "--data.plan.seed", "1") == 0
    assert report(tmp_path / "run", html) == 0
    assert records(html)["datasets"][0]["classes"] == ["ill", "well"]
    assert "has changed since the runs" not in html.read_text()
    table.to_csv(tmp_path / "my_table.csv", index=False)
    assert report(tmp_path / "run", html) == 0
    assert "my_table.csv has changed since the runs were made" in html.read_text()
    (tmp_path / "my_table.csv").unlink()
    assert report(tmp_path / "run", html) == 0
    assert records(html)["datasets"][0]["classes"] == ["negative", "positive"]
    assert "my_table.csv is missing" in html.read_text()


def test_a_report_of_named_classes_without_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in the config."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "nowhere")
    table = table_of(60, 3)
    table.assign(label=table["label"].map({0: "well", 1: "ill"})).to_csv(tmp_path / "my_table.csv", index=False)
    assert fitted(tmp_path, "--data.classes", json.dumps(["well", "ill"])) == 0
    assert report(tmp_path / "run", tmp_path / "page.html") == 0
    assert records(tmp_path / "page.html")["datasets"][0]["classes"] == ["well", "ill"]
