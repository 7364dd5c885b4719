"""What ``clsunbias compare --out`` writes beside its tables: a page, and curves as CSV files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from clsunbias.__main__ import main
from clsunbias.experiments.analysis.use import net_benefit, risk_coverage
from tests.browser import open_page
from tests.pages import Tables, records
from tests.records import write_record
from tests.test_compare import predictions

Frame = pd.DataFrame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods of five seeds compared."""
    folder = tmp_path_factory.mktemp("compared")
    for name, skill in (("erm", 0.7), ("mine", 1.6)):
        frames = [predictions(skill, 10 * seed + len(name)).assign(seed=seed) for seed in range(5)]
        pd.concat(frames).to_csv(folder / f"{name}.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["compare", "erm.csv", "mine.csv", "--out", "out", "--thresholds", "0.1,0.55"]) == 0
    return folder


def scores(folder: Path, name: str) -> tuple[Any, Any]:
    """Probabilities of the second class in five runs, ``(5, N)``, and classes."""
    frame = pd.read_csv(folder / f"{name}.csv").query("split == 'test'")
    return frame["prob"].to_numpy().reshape(5, -1), frame["label"].to_numpy()[: len(frame) // 5]


def test_curves_are_of_the_predictions(folder: Path) -> None:
    """Each value the mean over runs of what it is by definition, within its interval; differences are paired."""
    benefit = pd.read_csv(folder / "out" / "net_benefit.csv")
    risk = pd.read_csv(folder / "out" / "risk_coverage.csv")
    calibration = pd.read_csv(folder / "out" / "calibration.csv").set_index(["method", "metric"])
    thresholds = benefit["threshold"].unique()
    assert (thresholds[0], thresholds[-1], len(thresholds)) == (0.1, 0.55, 46)
    values = {}
    for name in ("erm", "mine"):
        prob, target = scores(folder, name)
        ours = benefit[benefit["method"] == name]
        values[name] = net_benefit(prob, target, thresholds).mean(0)
        np.testing.assert_allclose(ours["value"], values[name], atol=1e-6)
        share = target.mean()
        np.testing.assert_allclose(ours["everybody"], share - (1 - share) * thresholds / (1 - thresholds), atol=1e-8)
        both = np.stack([1 - prob, prob], axis=2)
        curves = np.mean([risk_coverage(run, target)[1] for run in both], axis=0)
        mine = risk[risk["method"] == name]
        np.testing.assert_allclose(mine["value"], curves[mine["units"] - 1], atol=1e-6)
        brier = calibration.loc[(name, "brier"), "value"]
        assert brier == pytest.approx(np.mean([brier_score_loss(target, run) for run in prob]), abs=1e-6)
        part = calibration.loc[name]["value"]
        whole = part["reliability"] - part["resolution"] + part["uncertainty"] + part["within"]
        assert whole == pytest.approx(brier, abs=1e-6)
    gained = benefit[benefit["method"] == "mine"]
    np.testing.assert_allclose(gained["difference"], values["mine"] - values["erm"], atol=1e-6)
    assert benefit[benefit["method"] == "erm"]["difference"].isna().all()
    assert (gained["difference_low"] <= gained["difference"]).all()
    assert (gained["difference"] <= gained["difference_high"]).all()
    for table in (benefit, risk, calibration):
        assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
        assert set(table["over"]) == {"units and seeds"}
    one = pd.read_csv(folder / "out" / "comparison.csv").set_index("metric").loc["net_benefit"]
    assert one["difference"] == pytest.approx((values["mine"] - values["erm"]).mean(), abs=1e-6)


def test_the_page_answers_first(folder: Path) -> None:
    """In words as Markdown has them, with the tables; small, asking nothing of the network, naming no unit."""
    text = (folder / "out" / "comparison.html").read_text()
    page = (folder / "out" / "comparison.md").read_text()
    for question in ("Which method differs", "How sure", "What these units could show", "Where the gain", "of use"):
        assert question in text
        assert question in page
    assert re.search(r"mine is better than erm in macro-F1 by \+0\.\d{3} \(", text)
    assert re.search(r"<dd>mine: 60 units and 5 runs show a true difference in macro-F1 of 0\.\d{3} four times", text)
    assert {"On the test units", "Difference from erm", "Calibration"} <= set(Tables(text).tables)
    assert "--thresholds 0.1,0.55" in text
    assert len(text) < 150_000
    assert not re.search(r"\bp5\d\b", text), "names of units"
    references = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert all(one.startswith(("#", "data:")) for one in references)
    assert "default-src 'none'" in text
    drawn = records(folder / "out" / "comparison.html")
    assert len(drawn["curves"]["mine"]["benefit"]["positive"]) == len(drawn["thresholds"]) == 46
    assert [one["title"] for one in drawn["differences"]] == [
        "macro-F1",
        "AUROC",
        "AUPRC",
        "Brier score",
        "net benefit",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(browser: Any, folder: Path, width: int) -> None:
    """Every chart is drawn, nothing goes over the edge, nobody complains."""
    page, complaints = open_page(browser, folder / "out" / "comparison.html", viewport={"width": width, "height": 800})
    for part, charts in {"differences": 5, "gains": 1, "flips": 1, "calibration": 1, "use": 2, "risk": 1}.items():
        assert page.locator(f"#{part}-charts figure svg").count() == charts, part
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "NaN" not in page.locator("main").inner_html()
    assert complaints == []


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., str]:
    """Compares a table with itself under options that are refused; returns the message."""
    monkeypatch.chdir(tmp_path)
    predictions(1.0).to_csv("a.csv", index=False)

    def run(*options: str) -> str:
        assert main(["compare", "a.csv", "a.csv", *options]) == 2
        return str(capsys.readouterr().err)

    return run


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "0.5,0.1",
            "--thresholds 0.5,0.1: thresholds of a net benefit go from a lower to a higher one between 0 and 1",
        ),
        ("0.2,0.2", "got 0.2 to 0.2"),
        ("0,0.5", "got 0 to 0.5"),
        ("0.5,1", "got 0.5 to 1"),
        ("5,50", "got 5 to 50"),
        ("nan,0.5", "got nan to 0.5"),
        ("0.3", "--thresholds takes two numbers, LOW,HIGH, such as 0.05,0.5; got '0.3'"),
        ("0.1,0.2,0.3", "takes two numbers"),
        ("low,high", "takes two numbers"),
        ("", "takes two numbers"),
    ],
)
def test_thresholds_that_are_no_range(given: str, said: str, compare: Callable[..., str]) -> None:
    """Said before anything is read, and nothing is written."""
    message = compare(f"--thresholds={given}", "--out", "out")
    assert said in message
    assert message.count("\n") == 1
    assert not Path("out").exists()


def test_scores_that_separate_the_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no slope: a dash and an empty cell, no number and no failure; three classes have curves of each."""
    monkeypatch.chdir(tmp_path)
    frame = predictions(1.0, splits=["test"])
    frame.to_csv("a.csv", index=False)
    frame.assign(prob=0.2 + 0.6 * frame["label"]).to_csv("b.csv", index=False)
    assert main(["compare", "a.csv", "b.csv", "--out", "out"]) == 0
    found = pd.read_csv("out/calibration.csv")
    slopes = found[found["metric"] == "slope"].set_index("method")["value"]
    assert slopes.isna().to_dict() == {"a": False, "b": True}
    assert "| b | 0.040 " in Path("out/comparison.md").read_text()
    page = Path("out/comparison.html").read_text()
    assert "NaN" not in page.partition('id="records"')[2].partition("</script>")[0]
    prob = np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    three = frame.drop(columns="prob").assign(
        label=np.arange(60) % 3, prob_0=prob[:, 0], prob_1=prob[:, 1], prob_2=prob[:, 2]
    )
    three.to_csv("c.csv", index=False)
    assert main(["compare", "c.csv", "c.csv", "--out", "three"]) == 0
    assert pd.read_csv("three/net_benefit.csv")["label"].nunique() == 3
    assert records(Path("three/comparison.html"))["classes"] == ["0", "1", "2"]


def test_simulated_runs_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """In the terminal, in Markdown and on the page; a run against itself, real, says nothing of the kind."""
    monkeypatch.chdir(tmp_path)
    labels = {split: np.arange(40) % 2 for split in ("train", "val", "test")}
    for name, simulated in (("real", False), ("made_up", True)):
        config: dict[str, Any] = {"data": {}, "trainer": {}, "seed_everything": 0, "objective": name}
        write_record(tmp_path / name, config, labels, dataset="toy", objective=name, simulated=simulated)
    for name in ("real", "made_up"):
        assert main(["compare", name, name, "--out", f"out_{name}"]) == 0
        texts = (
            capsys.readouterr().out,
            *(Path(f"out_{name}/comparison.{suffix}").read_text() for suffix in ("md", "html")),
        )
        signs = "SIMULATED data", "SIMULATED data", "SIMULATED.</strong>"
        assert [sign in text for sign, text in zip(signs, texts, strict=True)] == [name == "made_up"] * 3
