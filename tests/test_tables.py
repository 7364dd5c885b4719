"""What a grid's tables, notes and plots say of classes, of too few seeds and of variants."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from clsunbias.__main__ import main
from clsunbias.experiments.analysis.comparison import results
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import Arm, arms, runs_of
from clsunbias.experiments.report.build import parts
from clsunbias.experiments.report.notes import Classes, classes_of
from clsunbias.experiments.report.sections import Section, latex, markdown
from clsunbias.experiments.running.run import Record
from tests.fakes import SHORT
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid

BREAST, VOICES = ("malignant", "normal or benign"), ("healthy", "pathological")
Finished = dict[Arm, dict[int, Record]]


def made_up(folder: Path, seeds: int, **changes: Any) -> tuple[Path, Finished]:
    """A grid of two data sets, and the records of its runs."""
    columns = {"a": {**TOY_COLUMN, "label": "Breast"}, "b": {**TOY_COLUMN, "label": "Voices"}}
    columns["b"]["set"] = {"data.init_args.train_seed": 7}
    also = {"metrics": ["test/macro_f1"], "also": ["test/neg_f1", "test/pos_recall"], **changes}
    protocols = {"paper": {"seeds": seeds}}
    path = write_made_up_grid(folder, columns, dict.fromkeys("ab", SPEAKERS), protocols=protocols, **also)
    grid = load_grid(path)
    planned = arms(grid, list("ab"), ["paper"], folder / "out" / "runs" / "toy", folder)
    found = {arm: {seed: run.record() for seed, run in runs_of(grid, arm).items()} for arm in planned}
    return path, {arm: {seed: one for seed, one in by_seed.items() if one} for arm, by_seed in found.items()}


def named(finished: Finished, names: dict[str, tuple[str, str]]) -> Finished:
    """The records, with the classes of each column named."""
    return {
        arm: {
            seed: dataclasses.replace(one, result={**one.result, "class_names": list(names[arm.column])})
            for seed, one in by_seed.items()
        }
        for arm, by_seed in finished.items()
    }


def page(path: Path, finished: Finished, classes: Classes | None = None) -> str:
    """The tables and notes of a grid, as Markdown."""
    grid = load_grid(path)
    scored, cells, comparisons = results("toy", grid, finished)
    made = parts(grid, ["a", "b"], [], cells, comparisons, classes or classes_of(scored))
    return "\n".join(markdown(part) if isinstance(part, Section) else part for part in made)


def test_classes_go_by_their_names(tmp_path: Path) -> None:
    """In titles where all data sets have the same, else in the header of each; in the definitions below."""
    path, finished = made_up(tmp_path, 4)
    text = page(path, named(finished, {"a": BREAST, "b": BREAST}))
    assert "## F1 (malignant) of the same runs\n\n|  | Breast | Voices |" in text
    assert "## sensitivity (normal or benign, positive) of the same runs" in text
    assert "Sensitivity (malignant) is the specificity for normal or benign" in text
    text = page(path, named(finished, {"a": BREAST, "b": VOICES}))
    assert "## F1 (negative) of the same runs\n\n|  | Breast: malignant | Voices: healthy |" in text
    assert "|  | Breast: normal or benign, positive | Voices: pathological, positive |" in text
    assert "Sensitivity (healthy) is the specificity for pathological" in text
    text = page(path, finished)
    assert "## F1 (negative) of the same runs\n\n|  | Breast | Voices |" in text


def test_a_class_that_is_never_predicted(tmp_path: Path) -> None:
    """Cells of that method on that data set are marked, and the note says which class and in how many runs."""
    path, finished = made_up(tmp_path, 4)
    scored = results("toy", load_grid(path), finished)[0]
    assert all(classes_of(scored).unpredicted[one.arm, "test"] == [0, 0] for one in scored)
    one = scored[0].splits["test"]
    one.prob[:3, :, 0], one.prob[:3, :, 1] = 0.2, 0.8
    assert one.unpredicted == [3, 0]
    assert "†" not in page(path, finished)
    arm = scored[0].arm
    text = page(path, finished, Classes({"a": BREAST}, {(arm, "test"): [3, 0]}, {arm: 7}))
    assert "Breast, ERM, paper's settings never predicts malignant in 3 of 4 runs." in text.replace(
        "short", "paper's settings"
    )
    assert re.search("SYNTHETIC, made up rather than measured: Breast, ERM, .* \\(7\\)", text)
    assert len(re.findall(r"^\| ERM, .*†", text, re.MULTILINE)) == 3, "in the headline and in both tables below"
    assert not re.search(r"^\| Cls-unbias, .*†", text, re.MULTILINE)
    assert r"\dag" in latex(Section("", ["", ""], [["ERM", "1 †"]]))


def test_too_few_seeds_are_said(tmp_path: Path) -> None:
    """Two runs: no interval, verdict, d or mark in tables and files; why is below them."""
    path, finished = made_up(tmp_path, 2)
    text = page(path, finished)
    lines = [line for line in text.splitlines() if "Cls-unbias − ERM" in line]
    assert len(lines) == 2
    assert all(re.search(r"too few seeds \| [+-]0\.\d{3} \| – \| – \| – \|", line) for line in lines)
    assert "of 2 paired runs there is no saying how others would come out" in text
    assert not re.search(r"^\| .*[▲▼]", text, re.MULTILINE)
    assert main(["reproduce", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    rows = (tmp_path / "out" / "toy_comparisons.csv").read_text().splitlines()[1:]
    assert all(re.search(r",-?0\.\d+,,,,,,2,$", row) for row in rows)
    assert ",2,,,,," in (tmp_path / "out" / "toy.csv").read_text()


def test_a_variant_of_a_row_says_so(tmp_path: Path) -> None:
    """It does not stand as having the settings of the rest; a row of a config of its own does."""
    rows = {
        "plain": {"label": "plain", "config": "objectives/cls_unbias.yaml"},
        "half": {"label": "λ halved", "config": "objectives/cls_unbias.yaml", "set": SHORT},
    }
    path, finished = made_up(tmp_path, 2, rows=rows)
    text = page(path, finished)
    assert "| λ halved, otherwise short |" in text
    assert "| plain, short |" in text
    assert "| ERM, short |" in text


@pytest.mark.parametrize("table", ["table2", "table4"])
def test_what_stands_twice_is_explained_beside_it(table: str) -> None:
    """The one published RetinaMNIST column under both readings of its binarisation."""
    text = (Path(__file__).parents[1] / "docs" / "results" / f"{table}.md").read_text()
    legend = next(line for line in text.splitlines() if line.startswith("Here and in every table below"))
    assert "under both readings of the binarisation" in legend
