"""``clsunbias compare`` through the front door: run folders and anyone's files, and what is wrong with them."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from clsunbias.__main__ import main
from tests.records import write_record

Frame = pd.DataFrame
Run = Callable[..., str]


def predictions(skill: float, seed: int = 0, units: int = 60, splits: Sequence[str] = ("val", "test")) -> Frame:
    """Made-up predictions of two classes, of the same units whatever the skill."""
    random, frames = np.random.default_rng(seed), []
    for split in splits:
        label = np.arange(units) % 3 // 2
        prob = 1 / (1 + np.exp(-((2 * label - 1) * skill + random.normal(0, 1, units) - 0.4)))
        unit = [f"p{at}" for at in range(units)]
        frames.append(pd.DataFrame({"split": split, "unit": unit, "label": label, "prob": prob}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Compares tables, saved as ``a.csv``, ``b.csv`` …, and returns what is said; it must succeed, or must not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*frames: Frame | str, options: Sequence[str] = (), status: int = 0) -> str:
        names = []
        for letter, frame in zip("abcdef", frames, strict=False):
            names.append(frame if isinstance(frame, str) else f"{letter}.csv")
            if not isinstance(frame, str):
                frame.to_csv(names[-1], index=False)
        assert main(["compare", *names, *options]) == status
        said = capsys.readouterr()
        return said.err if status else said.out

    return run


def test_figures_are_those_of_scikit_learn(compare: Run) -> None:
    """Values and differences of each metric, whatever the order of units; flips, by McNemar's exact test."""
    ours, theirs = predictions(1.5, 1), predictions(0.7, 2)
    said = compare(theirs, ours.sample(frac=1, random_state=0), options=["--out", "out"])
    test, other = (frame[frame["split"] == "test"] for frame in (ours, theirs))
    target, prob, before = (one.to_numpy() for one in (test["label"], test["prob"], other["prob"]))
    expected = {
        "macro_f1": [f1_score(target, one >= 0.5, average="macro") for one in (prob, before)],
        "auroc": [roc_auc_score(target, one) for one in (prob, before)],
        "auprc": [average_precision_score(target, one) for one in (prob, before)],
        "brier": [brier_score_loss(target, one) for one in (prob, before)],
    }
    found = pd.read_csv("out/comparison.csv").set_index("metric")
    for metric, (value, baseline) in expected.items():
        line = found.loc[metric]
        assert (line["value"], line["baseline_value"]) == pytest.approx((value, baseline), abs=1e-5)
        assert line["difference"] == pytest.approx(value - baseline, abs=1e-5)
        assert line["low"] <= line["difference"] <= line["high"]
        assert (line["over"], line["units"], line["runs"]) == ("units", 60, 1)
    right, was = ((one >= 0.5) == target for one in (prob, before))
    for index, flips in enumerate(pd.read_csv("out/flips.csv").to_dict("records")):
        wrong, mended = ((target == index) & (one & ~two) for one, two in ((was, right), (right, was)))
        assert (flips["newly_wrong"], flips["newly_right"]) == (wrong.sum(), mended.sum())
        assert flips["p"] == pytest.approx(binomtest(wrong.sum(), wrong.sum() + mended.sum()).pvalue)
    units = pd.read_csv("out/flipped_units.csv")
    assert set(units.loc[units["newly_right"] == 1, "unit"]) == set(test["unit"][right & ~was])
    gains = pd.read_csv("out/gains.csv").set_index("part")["value"]
    assert gains["gain"] == pytest.approx(found.loc["macro_f1", "difference"], abs=1e-6)
    assert gains["gain"] == pytest.approx(gains["ranking"] + gains["threshold"], abs=1e-6)
    page = Path("out/comparison.md").read_text()
    for title in ("Difference from a", "What these test units can show", "is threshold", "Who flips"):
        assert title in page
        assert title in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_moved_threshold_ranks_as_before(compare: Run) -> None:
    """The ranking part is 0, and so are the differences that no threshold moves."""
    frame = predictions(1.0)
    compare(frame, frame.assign(prob=frame["prob"] ** 0.4), options=["--out", "out"])
    gains = pd.read_csv("out/gains.csv").set_index("part")
    assert (gains.loc["ranking", ["value", "low", "high"]] == 0).all()
    assert gains["value"]["gain"] == gains["value"]["threshold"] != 0
    assert (pd.read_csv("out/comparison.csv").set_index("metric").loc[["auroc", "auprc"], "difference"] == 0).all()


def test_runs_of_several_seeds_and_methods(compare: Run) -> None:
    """Intervals over units and seeds; p-values corrected for the number of methods; seeds that all have."""
    seeds = {letter: range(first, first + 6) for letter, first in (("a", 0), ("b", 0), ("c", 1))}
    frames = [
        pd.concat(predictions(skill, 10 * seed + at).assign(seed=seed) for seed in seeds[letter])
        for at, (letter, skill) in enumerate({"a": 0.8, "b": 0.8, "c": 2.0}.items())
    ]
    said = compare(*frames, options=["--out", "out", "--difference", "0.05"])
    assert "5 runs of each method" in said
    found = pd.read_csv("out/comparison.csv").query("metric == 'macro_f1'").set_index("method")
    assert set(found["over"]) == {"units and seeds"}
    assert found.loc["c", "verdict"] == "better"
    assert found.loc["b", "verdict"] == "no difference shown"
    assert found["p_corrected"]["c"] == pytest.approx(2 * found["p"]["c"])
    assert set(found["supposed"]) == {0.05}


def test_formats(compare: Run) -> None:
    """One probability, one for each class by number or name, true and false, merged rows: the same figures."""
    plain = predictions(1.0, splits=["test"])
    names = np.array(["well", "ill"])
    named = plain.assign(
        label=names[plain["label"]], prob_well=1 - plain["prob"], prob_ill=plain["prob"], age=3, split="test"
    ).drop(columns="prob")
    numbered = plain.assign(prob_0=1 - plain["prob"], prob_1=plain["prob"], **{"class": names[plain["label"]]})
    numbered = numbered.drop(columns="prob")
    truths = plain.assign(label=plain["label"] == 1).drop(columns="split")
    for frame in (named, numbered, truths):
        said = compare(plain, frame, options=["--out", "out"])
        found = pd.read_csv("out/comparison.csv")
        assert found["difference"].abs().max() < 1e-6, frame.columns
        assert "No split of a gain without validation rows" in said
        assert ("well" in said) == (frame is not truths)
    halves = [
        plain.assign(prob=(plain["prob"] + step).clip(0, 1), unit="x", who=plain["unit"]) for step in (-0.01, 0.01)
    ]
    merged = pd.concat([halves[0].iloc[::-1], halves[1]])
    compare(plain.assign(who=plain["unit"]), merged, options=["--unit", "who", "--out", "out"])
    assert pd.read_csv("out/comparison.csv")["difference"].abs().max() < 0.01


def test_folders_of_runs(compare: Run, tmp_path: Path) -> None:
    """A run, and runs below a folder; the classes go by the names that records give them."""
    labels = {split: np.arange(40) % 2 for split in ("train", "val", "test")}
    for objective, skill in (("erm", 0.5), ("cls_unbias", 1.5)):
        for seed in range(4):
            config: dict[str, Any] = {"data": {}, "trainer": {}, "seed_everything": seed, "objective": objective}
            write_record(
                tmp_path / objective / str(seed), config, labels, dataset="toy", objective=objective, skill=skill,
                class_names=("well", "ill"),
            )  # fmt: skip
    said = compare("erm", "cls_unbias", options=["--out", "out"])
    assert "4 runs of each method" in said
    assert "20 well, 20 ill, positive" in said
    assert "cls_unbias: well" in said
    single = compare("erm/0", "cls_unbias/3")
    assert "1 run of each method" in single
    assert "erm" in compare("erm", ".", status=2)
    message = compare("erm/0", "cls_unbias", status=2)
    assert "erm/0 has 1 run (seed 0); cls_unbias has 4 runs (seeds 0, 1, 2, 3)" in message
    assert "paired over units alone" in message
    (tmp_path / "erm" / "0" / "predictions.csv").write_text("split,unit\n")
    assert "not what its record was made with" in compare("erm", "cls_unbias", status=2)


def test_names_of_units_and_methods(compare: Run) -> None:
    """Units are named as they are written, 007 is not 7; methods of one file name go by their paths."""
    frame = predictions(1.0, splits=["test"])
    numbers = frame["unit"].str[1:].str.zfill(3)
    assert "60 test units" in compare(frame.assign(unit=numbers), frame.assign(unit=numbers))
    said = compare(frame.assign(unit=numbers), frame.assign(unit=numbers.str.lstrip("0") + "x"), status=2)
    assert "(000, 001, 002 and 57 more)" in said
    Path("m").mkdir()
    predictions(2.0, 3, splits=["test"]).to_csv("m/a.csv", index=False)
    assert "macro-F1: m/a.csv" in compare(frame, "m/a.csv")


GOOD = predictions(1.0)
FIRST = GOOD.iloc[:1]


def changed(column: str, rows: int, value: Any) -> Frame:
    """The good table with some of its test rows changed."""
    frame = GOOD.copy()
    if column in frame and isinstance(value, str):
        frame[column] = frame[column].astype(object)
    frame.loc[frame.index[-rows:], column] = value
    return frame


FAULTS: dict[str, tuple[Frame, str]] = {
    "other units": (
        changed("unit", 2, "x").drop(GOOD.index[-1]),
        "different test units: 2 are in a.csv alone (p58, p59); 1 are in b.csv alone (x)",
    ),
    "fewer units": (GOOD.drop(GOOD.index[-5:]), "5 are in a.csv alone (p55, p56, p57 and 2 more)"),
    "doubled units": (pd.concat([GOOD, GOOD.iloc[-4:]]), "4 test units stand there more than once: p56, p57, p58 and"),
    "outside": (changed("prob", 4, 1.2), "4 of 120 rows have probabilities outside [0, 1]"),
    "logits": (GOOD.assign(prob=GOOD["prob"] * 10 - 5), "logits need a sigmoid"),
    "not a number": (changed("prob", 1, np.nan), "missing or not finite: p59"),
    "a word": (changed("prob", 1, "high"), "probabilities that are no numbers"),
    "not adding up": (
        GOOD.assign(prob_0=0.5, prob_1=0.3).drop(columns="prob"),
        "120 of 120 rows have probabilities that do not add up to 1: p0 (0.5, 0.3), p1",
    ),
    "labels disagree": (
        changed("label", 7, 1),
        "disagree on the label of 4 of 60 test units: p54 (negative, positive), p55 (negative, positive), p57",
    ),
    "validation labels": (
        GOOD.assign(label=np.where(GOOD.index == 0, 1, GOOD["label"])),
        "disagree on the label of 1 of 60 val units: p0",
    ),
    "unknown label": (changed("label", 1, 7), "1 labels are no class (7); by its columns of probabilities the classes"),
    "no label": (changed("label", 1, np.nan), "labels are no class"),
    "no probabilities": (
        GOOD.rename(columns={"prob": "probability"}),
        "a column prob (of label 1), or prob_CLASS for each class; it has split, unit, label, probability",
    ),
    "one of two": (GOOD.rename(columns={"prob": "prob_1"}), "b.csv has no probabilities"),
    "no unit": (GOOD.drop(columns="unit"), "b.csv has no column 'unit'; it has split, label, prob"),
    "no label column": (GOOD.drop(columns="label"), "b.csv has no column 'label'"),
    "unit missing": (changed("unit", 1, np.nan), "b.csv has rows without unit"),
    "no test rows": (GOOD[GOOD["split"] == "val"], "b.csv has no test rows: its splits are val"),
    "other classes": (
        GOOD.assign(prob_2=0.0, prob_0=1 - GOOD["prob"], prob_1=GOOD["prob"]),
        "b.csv has the classes 0, 1, 2, a.csv has 0, 1: a comparison",
    ),
    "seeds": (
        pd.concat(GOOD.assign(seed=seed) for seed in range(10)),
        "only 0 is in all: a.csv has 1 run (seed 0); b.csv has 10 runs (seeds 0, 1, 2, 3, 4 and 5 more)",
    ),
    "seeds of other units": (
        pd.concat([GOOD.assign(seed=0), GOOD.assign(seed=1).iloc[:-1]]),
        "1 are in b.csv, seed 0 alone (p59)",
    ),
    "seeds of other labels": (
        pd.concat([GOOD.assign(seed=0), changed("label", 1, 1 - GOOD["label"].iloc[-1]).assign(seed=1)]),
        "1 test units have one label in seed 0 and another in seed 1: p59",
    ),
    "empty": (GOOD.iloc[:0], "b.csv has no test rows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_said_once(fault: str, compare: Run) -> None:
    """What is wrong, with how many, and the first three."""
    frame, message = FAULTS[fault]
    said = compare(GOOD, frame, status=2)
    assert message in said
    assert said.count("\n") == 1


def test_faults_of_both_and_of_options(compare: Run) -> None:
    """One class, too few units, files that are none, columns that are not there, options out of range."""
    positive = GOOD[(GOOD["label"] == 1)]
    assert "all test units are of one class (0 negative, 20 positive)" in compare(positive, positive, status=2)
    few = predictions(1.0, units=12)
    assert "too few test units for an interval: 12 (8 negative, 4 positive); it takes 20" in compare(few, few, status=2)
    rare = GOOD[(GOOD["label"] == 0) | GOOD["unit"].isin(["p2", "p5"])]
    assert "4 or more of each class" in compare(rare, rare, status=2)
    assert "has no column 'patient'; it has split" in compare(GOOD, GOOD, options=["--unit", "patient"], status=2)
    two = GOOD.assign(who="x")
    assert "rows of more than one label: x" in compare(two, two, options=["--unit", "who"], status=2)
    assert "there is no nowhere.csv; give a run folder" in compare(GOOD, "nowhere.csv", status=2)
    Path("empty").mkdir()
    assert "empty holds no finished run" in compare(GOOD, "empty", status=2)
    Path("none.csv").write_text("")
    assert "none.csv cannot be read as CSV" in compare(GOOD, "none.csv", status=2)
    assert "--difference must lie between 0 and 1" in compare(GOOD, GOOD, options=["--difference", "2"], status=2)
    assert "--out a.csv cannot be made" in compare(GOOD, GOOD, options=["--out", "a.csv"], status=2)
    assert "others" in compare(GOOD, status=2)


def test_it_needs_no_torch() -> None:
    """Nor Lightning, scikit-learn or plots: it starts at once."""
    heavy = {"torch", "lightning", "sklearn", "matplotlib", "jinja2"}
    script = f"import sys, clsunbias.commands.compare; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
