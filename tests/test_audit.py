"""``clsunbias audit`` through the front door: of runs on tables, images and speech, of files, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from tests.browser import open_page
from tests.pages import records

SHORT = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


def fitted(config: str, out: Path, *options: str) -> str:
    """A run by the front door; its folder."""
    assert main(["fit", "--config", config, "--out", str(out), *SHORT, *options]) == 0
    return str(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ERM and Cls-unbias on the toy, as the paper trains them, audited on the rows of training: 248 are too few."""
    folder = tmp_path_factory.mktemp("audited")
    runs = [
        fitted("toy_balanced", folder / name, "--config", f"objectives/{name}.yaml") for name in ("erm", "cls_unbias")
    ]
    assert main(["audit", *runs, "--split", "train", "--out", str(folder / "out")]) == 0
    return folder


def test_the_toy_is_found_out(folder: Path) -> None:
    """f2 is class-specific and of negatives, f1 is not; in CSV, JSON, words and on the page alike."""
    parts: Any = pd.read_csv(folder / "out" / "parts.csv").set_index(["model", "part", "class"])
    for model in ("erm, seed 42", "cls_unbias, seed 42"):
        assert set(parts.loc[(model, "f2"), "finding"]) == {"class-specific"}
        assert set(parts.loc[(model, "f1"), "finding"]) == {"used, not shown to be specific"}
        f2 = parts.loc[(model, "f2", "negative")]
        assert f2["read_index_low"] > 0
        assert f2["evidence_low"] <= f2["evidence"] <= f2["evidence_high"]
    erm, ours = (parts.loc[(name, "f2", "negative")] for name in ("erm, seed 42", "cls_unbias, seed 42"))
    assert ours["evidence_index"] < erm["evidence_index"]
    assert ours["rise"] < erm["rise"]
    made = json.loads((folder / "out" / "audit.json").read_text())
    assert made["models"][0]["units"] == 1000
    assert len(made["parts"]) == 8
    said = "erm, seed 42 leans on class-specific features: f2 gives it"
    for name in ("audit.md", "audit.html"):
        text = (folder / "out" / name).read_text()
        assert said in text
        assert "SIMULATED" in text
    assert said in made["said"][0]


def test_what_a_remedy_changed(folder: Path) -> None:
    """Paired over units: reliance, flips by class, and the parts of the gain."""
    changes: Any = pd.read_csv(folder / "out" / "changes.csv").set_index(["part", "class"])
    parts: Any = pd.read_csv(folder / "out" / "parts.csv").set_index(["model", "part", "class"])
    one = changes.loc[("f2", "negative")]
    two = [parts.loc[(name, "f2", "negative"), "rise"] for name in ("cls_unbias, seed 42", "erm, seed 42")]
    assert one["rise"] == pytest.approx(two[0] - two[1], abs=1e-6)
    assert one["rise_high"] < 0
    flips: Any = pd.read_csv(folder / "out" / "flips.csv")
    assert list(flips["label"]) == ["negative", "positive"]
    assert set(pd.read_csv(folder / "out" / "gains.csv")["part"]) == {"gain", "ranking", "threshold"}


def test_stress_is_what_the_model_decides(folder: Path) -> None:
    """With f2 inverted a model that leans on it loses more than with f2 uninformative."""
    stress: Any = pd.read_csv(folder / "out" / "stress.csv").set_index(["model", "part", "how"])
    for part in ("f1", "f2"):
        plain, turned = (stress.loc[("erm, seed 42", part, how)] for how in ("uninformative", "inverted"))
        assert (turned["f1"].to_numpy() < plain["f1"].to_numpy()).all()
        assert (plain["f1"].to_numpy() < plain["f1_before"].to_numpy()).all()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(browser: Any, folder: Path, width: int) -> None:
    """Every chart is drawn, nothing goes over the edge, nobody complains."""
    page, complaints = open_page(browser, folder / "out" / "audit.html", viewport={"width": width, "height": 800})
    for place in ("parts-0", "features-0", "parts-1", "features-1"):
        assert page.locator(f"#{place} figure svg").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "NaN" not in page.locator("main").inner_html()
    assert complaints == []


def test_the_page_asks_for_nothing_and_names_nobody(folder: Path) -> None:
    """A page that can be given away."""
    text = (folder / "out" / "audit.html").read_text()
    assert all(one.startswith(("#", "data:")) for one in re.findall(r'(?:src|href|action)="([^"]*)"', text))
    assert len(records(folder / "out" / "audit.html")["audits"]) == 2


def test_parts_by_name_and_another_split(folder: Path, tmp_path: Path) -> None:
    """A part alone needs no correction for others; a part that training did not have is refused."""
    run = str(folder / "erm")
    assert main(["audit", run, "--parts", "f2", "--split", "train", "--out", str(tmp_path)]) == 0
    parts: Any = pd.read_csv(tmp_path / "parts.csv")
    assert set(parts["part"]) == {"f2"}
    assert set(parts["split"]) == {"train"}


def test_what_is_refused_of_runs(folder: Path, tmp_path: Path, capsys: Any) -> None:
    """One message each, before anything is written."""

    def refused(*options: str) -> str:
        out = tmp_path / "refused"
        assert main(["audit", *options, "--out", str(out)]) == 2
        assert not out.exists()
        message = str(capsys.readouterr().err)
        assert message.count("clsunbias: error:") == 1
        return message

    run = folder / "erm"
    assert "was trained without 'f3'; its input has f1, f2" in refused(str(run), "--parts", "f3,f1")
    assert "has no split 'test'; it has train, val, test_1, test_2" in refused(str(run), "--split", "test")
    assert "holds no finished run" in refused(str(tmp_path))
    assert "takes run folders, or --predictions" in refused()
    assert "takes run folders, or --predictions" in refused(str(run), "--predictions", "a.csv")
    assert "--features goes with --predictions" in refused(str(run), "--features", "a.csv")
    broken = tmp_path / "broken"
    fitted("toy_balanced", broken, "--trainer.max_steps", "5", "--selection", "clsunbias.selection.LastStep")
    (broken / "checkpoints" / "selected.ckpt").unlink()
    assert "selected.ckpt is missing" in refused(str(broken))
    assert "were scored on different val units" in refused(str(run), str(fewer(tmp_path / "fewer")))


def fewer(out: Path) -> Path:
    """A run on a table, of other units than the toy's, whose parts have the toy's names."""
    x, target = np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) % 2
    frame = pd.DataFrame({"f1": x[:, 0] + target, "f2": x[:, 1], "label": np.where(target, "positive", "negative")})
    frame.to_csv(out.with_suffix(".csv"), index=False)
    table = ["--data.path", str(out.with_suffix(".csv")), "--data.classes", '["negative","positive"]']
    fitted("tabular", out, *table, "--trainer.max_epochs", "2", "--model.network.in_features", "2")
    return out


def IN(features: int) -> list[str]:
    """Options of a network for so many columns."""
    return [
        "--model.network",
        f'{{"class_path": "torch.nn.Linear", "init_args": {{"in_features": {features}, "out_features": 1}}}}',
    ]
