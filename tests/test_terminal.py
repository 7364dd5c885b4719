"""What is printed, whatever names hold."""

from pathlib import Path

import pytest

from clsunbias.__main__ import main
from tests.fakes import table_of
from tests.test_cli import CONFIGS

STRANGE = ("[/x]", "[red]:smile:")


def test_markup_in_names_is_no_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of classes, columns, tables and folders, by fit, test, predict, report and a page: each name as it is."""
    monkeypatch.chdir(tmp_path)
    table = table_of(60, 3)
    table["label"] = table["label"].map(dict(enumerate(STRANGE)))
    table.columns = ["[/a]", "[bold]", "c", "label"]
    table.to_csv("[red]t.csv", index=False)
    command = ["fit", "--config", str(CONFIGS / "tabular.yaml"), "--data.path", str(tmp_path / "[red]t.csv")]
    command += ["--model.network.in_features", "3", "--trainer.max_epochs", "2", "--out", "[/run]/[red]"]
    assert main(command) == 0
    assert main(command) == 0
    shown = capfd.readouterr()
    assert "results in [/run]/[red]" in shown.out
    assert "[red]t, cls_unbias" in shown.out
    assert "[/run]/[red] already holds this run" in shown.err
    config = ["--config", "[/run]/[red]/config.yaml"]
    assert main(["test", *config]) == 0
    assert main(["predict", *config, "--input", "[red]t.csv", "--out", "[/scores]"]) == 0
    assert main(["report", "[/run]"]) == 0
    assert main(["report", "[/run]", "--html", "[/page].html"]) == 0
    shown = capfd.readouterr()
    assert "in [/scores]/predictions.csv" in shown.out
    assert "[/page].html, " in shown.out
