"""What a report's page says first: which class suffers, which method helps, since when, how sure, and what is lost."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.experiments.report.html.curves import parting
from clsunbias.experiments.report.html.rendering import data_first
from clsunbias.experiments.report.sections import Section
from clsunbias.files import sealed, write_json
from tests.pages import TOY_COLUMN, fitted, records, report
from tests.records import SPEAKERS, Labels, write_made_up_grid, write_record

NAMES = ("sick & tired", "<i>well</i>")


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report finds no data but where it is told to look."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "nowhere")


def write_runs(root: Path, seeds: int, labels: Labels = SPEAKERS, **of_method: dict[str, Any]) -> None:
    """Writes runs of some methods; losses of the first class are the higher ones from step 30 + 10·seed on."""
    for name, options in of_method.items():
        for seed in range(seeds):
            folder = root / name / str(seed)
            write_record(folder, fitted(name, seed), labels, dataset="clinic", objective=name, **options)
            steps = np.arange(10, 110, 10)
            neg = np.where(steps >= 30 + 10 * seed, 0.9, 0.1)
            losses = {
                f"{phase}/loss_{side}": values
                for phase in ("train", "val")
                for side, values in (("neg", neg), ("pos", 0.5))
            }
            pd.DataFrame({"step": steps, **losses}).to_csv(folder / "metrics.csv", index=False)


def answers(html: Path) -> dict[str, str]:
    """Questions of the first data set and their answers."""
    found = re.search(r'<dl class="answers">(.*?)</dl>', html.read_text(), re.DOTALL)
    assert found
    return {unescape(one): unescape(other) for one, other in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", found[1])}


def test_the_four_answers(tmp_path: Path) -> None:
    """With the numbers of the records, by the classes' names, with intervals and verdicts; names stay text."""
    write_runs(
        tmp_path / "runs",
        5,
        erm={"skill": 3.0, "bias": 3.0, "class_names": NAMES},
        mine={"skill": 6.0, "class_names": NAMES},
    )
    assert report(tmp_path / "runs", tmp_path / "page.html") == 0
    text, said = (tmp_path / "page.html").read_text(), answers(tmp_path / "page.html")
    missed = {
        (name, side): 100 * (1 - np.mean([result(tmp_path, name, seed)[f"{side}_recall"] for seed in range(5)]))
        for name in ("erm", "mine")
        for side in ("neg", "pos")
    }
    number = r"(\d+) % \((\d+) to (\d+) %\)"
    sentence = rf"erm misses {number} of sick & tired, {number} of <i>well</i>\. "
    sentence += r"Between sick & tired and <i>well</i>: (\d+) points \((\d+) to (\d+)\), shown\."
    found = re.fullmatch(sentence, said["Which class suffers"])
    assert found, said
    middle, low, high, other, _, _, apart, least, most = map(int, found.groups())
    assert [middle, other] == [round(missed["erm", "neg"]), round(missed["erm", "pos"])]
    assert 0 <= low < middle < high <= 100
    assert apart == pytest.approx(middle - other, abs=1)
    assert 0 < least < apart < most <= 100
    points = round(missed["mine", "neg"] - missed["erm", "neg"])
    expected = f"Difference from erm: sick & tired −{-points} points (−"
    assert f"mine misses the fewest of sick & tired: {missed['mine', 'neg']:.0f} %" in said["Which method helps"]
    assert expected in said["Which method helps"]
    assert "), shown; <i>well</i>" in said["Which method helps"]
    assert "By macro-F1 mine is better (+" in said["Which method helps"]
    assert said["Since when"] == (
        "Under erm the validation loss of sick & tired is the higher one "
        "from step 50 of 100 on (in 5 of 5 runs; 30 to 70)."
    )
    assert said["How sure"].startswith("5 runs of each method on 30 test units (15 sick & tired, 15 <i>well</i>).")
    assert "<i>" not in text
    head = text.partition('<section id="results"')[0]
    assert head.index("Not for clinical use.") < head.index('id="summary"')
    assert head.count("from 50 (5/5)") == 2, "in the table of all methods too"
    assert 'id="warnings"' not in text


def result(folder: Path, name: str, seed: int) -> dict[str, float]:
    """The test metrics of a record."""
    return dict(json.loads((folder / "runs" / name / str(seed) / "result.json").read_text())["test"])


def test_of_few_runs_nothing_is_judged(tmp_path: Path) -> None:
    """No interval, no verdict, and why; of a single run neither ± nor a median."""
    write_runs(tmp_path / "runs", 1, erm={"skill": 1.0})
    assert report(tmp_path / "runs", tmp_path / "page.html") == 0
    said = answers(tmp_path / "page.html")
    assert re.fullmatch(r"erm misses \d+ % of (nega|posi)tive, \d+ % of (nega|posi)tive\.", said["Which class suffers"])
    assert "No other method here misses fewer" in said["Which method helps"]
    assert said["Since when"].endswith("from step 30 of 100 on.")
    assert said["How sure"].endswith("no interval, no verdict.")


def test_a_class_that_is_lost_is_a_warning_on_top(tmp_path: Path) -> None:
    """Never decided for, or never found where it is; by method and number of runs, before anything else."""
    write_runs(tmp_path / "runs", 2, erm={"skill": 0.0, "bias": 30.0, "class_names": NAMES}, mine={"skill": 3.0})
    rare: Labels = {split: (np.arange(40) > 1).astype(int) for split in SPEAKERS}
    write_runs(tmp_path / "rare", 2, rare, erm={"skill": 0.0, "bias": 2.0})
    assert report(tmp_path / "runs", tmp_path / "page.html") == 0
    text = (tmp_path / "page.html").read_text()
    warned = text.partition('id="warnings"')[2].partition("</div>")[0]
    assert re.findall(r"<li>(.*?)</li>", warned) == ["clinic: erm never predicts sick &amp; tired in 2 of 2 runs"]
    assert text.index('id="warnings"') < text.index('id="summary"')
    assert "some run never predicts a class" in text.partition('id="results"')[2], "beside the figures themselves"
    assert report(tmp_path / "rare", tmp_path / "page.html") == 0
    assert "erm finds no unit of negative in " in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("losses", "label", "steps"),
    [
        ([[[1, 1, 3, 3], [2, 2, 2, 2]]], 0, [30]),
        ([[[1, 3, 1, 3], [2, 2, 2, 2]]], 0, [40]),
        ([[[3, 3, 3, 3], [2, 2, 2, 2]], [[3, 3, 3, 1], [2, 2, 2, 2]]], 0, [10, None]),
        ([[[3, np.nan, 3, 3], [2, 2, 2, 2]]], 0, [30]),
        ([[[3, 3, 3, np.inf], [2, 2, 2, np.inf]]], 0, [10]),
        ([[[np.nan] * 4, [np.nan] * 4]], 0, [None]),
        ([[[1, 1, 1, 1], [2, 1, 2, 3], [1, 2, 1, 2]]], 1, [30]),
    ],
    ids=["once", "to and fro", "one run of two", "a gap", "diverged", "nothing", "three classes"],
)
def test_where_losses_part(losses: list[Any], label: int, steps: list[int | None]) -> None:
    """At the first step from which the class has the highest loss to the end; a run that has it not is said."""
    assert parting(np.array(losses, float), np.array([10, 20, 30, 40]))[:2] == (label, steps)


def test_columns_without_data_come_last() -> None:
    """With all their entries; the others keep their order."""
    section = Section("t", ["", "a", "b", "c"], [["x", "–", "1", "2"], ["y", "no data", "3", "4"]])
    found = data_first(section)
    assert found.header == ["", "b", "c", "a"]
    assert found.rows == [["x", "1", "2", "–"], ["y", "3", "4", "no data"]]


def test_classes_of_a_record_and_ties_are_said(tmp_path: Path) -> None:
    """More than two classes go by their metrics' names where no list of them is; a tied selection is told."""
    three: Labels = {split: np.arange(30) % 3 for split in SPEAKERS}
    names = ("none & all", "mild", "severe")
    config = {**fitted("erm", 0), "data": {"class_path": "not_there.Corpus"}}
    folder = tmp_path / "runs" / "0"
    write_record(folder, config, three, dataset="eyes", objective="erm", classes=3, class_names=names, skill=9.0)
    record = json.loads((folder / "result.json").read_text())
    del record["class_names"], record["record_sha256"]
    write_json(folder / "result.json", sealed({**record, "tied_validations": 7}))
    assert report(tmp_path / "runs", tmp_path / "page.html") == 0
    assert records(tmp_path / "page.html")["datasets"][0]["classes"] == list(names)
    assert "of severe" in answers(tmp_path / "page.html")["Which class suffers"]
    assert "1 of 1 runs selected among up to 7 validations of one score" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("units", "expected"), [(6, "Not shown: no method"), (60, "Yes: AUROC")])
def test_whether_anything_is_learnt(units: int, expected: str, tmp_path: Path) -> None:
    """As the intervals of AUROC say, on the page and beside the table; of few units no method is shown to."""
    labels = {**SPEAKERS, "test": np.arange(units) % 2}
    changes = {"protocols": {"paper": {"seeds": 4}}, "also": ["test/auroc"]}
    grid = write_made_up_grid(tmp_path, {"toy": TOY_COLUMN}, {"toy": labels}, **changes)
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out")]) == 0
    cells = pd.read_csv(tmp_path / "out" / "toy.csv").query("metric == 'test/auroc'")
    lost = cells[cells["low"] <= 0.5]
    assert len(lost) == (2 if units == 6 else 1)
    who = "every method" if units == 6 else lost["row"].iloc[0]
    noted = re.search(
        r"§ Not shown to be better than chance.*?: (.*)\.$", (tmp_path / "out" / "toy.md").read_text(), re.M
    )
    assert noted
    assert noted[1].endswith(f": {who}")
    assert main(["report", str(tmp_path / "out"), "--grid", str(grid), "--html", str(tmp_path / "page.html")]) == 0
    said = answers(tmp_path / "page.html")["Is anything learnt"]
    best = cells.sort_values("value").iloc[-1]
    assert said.startswith(expected)
    assert f"{best['value']:.2f} ({best['low']:.2f} to {best['high']:.2f}) of {best['row']}" in said
