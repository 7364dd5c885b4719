"""``clsunbias decide`` and ``predict --rule``: rules chosen on validation alone, told with their spread and sealed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from clsunbias.__main__ import main
from clsunbias.decisions import Decision, DecisionRule, MacroF1, Scores
from clsunbias.decisions.rules import known_rules
from clsunbias.experiments.deciding import Given, decide, decisions_of, read_given, saved_decision
from clsunbias.files import check_seal, sealed, sha256_of, write_json
from tests.records import write_record
from tests.test_errors import fails

RANDOM = np.random.default_rng(0)
SIZES = {"train": 90, "val": 60, "test": 80}
LABELS = {name: (RANDOM.random(size) < 0.25).astype(np.int64) for name, size in SIZES.items()}
NAMES = ("healthy", "ill")
CONFIG: dict[str, Any] = {"data": {"class_path": "clsunbias.data.Toy"}, "trainer": {}, "seed_everything": 0}


def write_run(folder: Path, labels: Mapping[str, Any] = LABELS, seed: int = 0, **more: Any) -> Path:
    """Writes a finished run of two classes, one rare and seldom decided for."""
    about = {"dataset": "clinic", "objective": "erm", "class_names": NAMES, "bias": -1.0, "unit": "p", **more}
    write_record(folder, {**CONFIG, "seed_everything": seed}, labels, **about)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run."""
    return write_run(tmp_path / "run")


def decided(run: Path, rule: str, *options: str) -> dict[str, Any]:
    """What ``clsunbias decide`` records."""
    assert main(["decide", str(run), "--rule", rule, *options]) == 0
    record: dict[str, Any] = json.loads((run / "decisions" / f"{rule}.json").read_text())
    check_seal(record)
    return record


def test_a_threshold_is_chosen_and_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures are scikit-learn's at the threshold; the table is 80 columns wide at most and names the classes."""
    (run / "MODEL_CARD.md").write_text("# Model card\n\n## Versions\n\npython\n")
    record = decided(run, "macro_f1")
    frame = pd.read_csv(run / "predictions.csv").query("split == 'test'")
    above = frame["prob_1"] >= record["value"]["threshold"]
    assert record["decided"]["test"]["macro_f1"] == pytest.approx(f1_score(frame["label"], above, average="macro"))
    assert record["raw"]["test"]["macro_f1"] == pytest.approx(
        f1_score(frame["label"], frame["prob_1"] > 0.5, average="macro")
    )
    assert record["decided"]["test"]["auroc"] == record["raw"]["test"]["auroc"]
    low, high = record["spread"]["threshold"]
    assert low <= record["value"]["threshold"] <= high
    assert "val" not in record["decided"]
    assert record["predictions_sha256"] == [sha256_of(run / "predictions.csv")]
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines() if not line.startswith("decision in")) <= 80
    assert "sensitivity (ill, positive)" in shown
    assert "macro_f1, chosen on 60 units of validation" in shown
    card = (run / "MODEL_CARD.md").read_text()
    assert card.startswith("# Model card\n\n## Versions\n\npython\n\n## Decision rules\n")
    assert decided(run, "macro_f1") == record
    assert (run / "MODEL_CARD.md").read_text() == card
    decided(run, "platt")
    card = (run / "MODEL_CARD.md").read_text()
    assert (card.count("## Decision rules"), card.count("### `macro_f1`"), card.count("### `platt`")) == (1, 1, 1)


@pytest.mark.parametrize("rule", sorted(set(known_rules()) - {"stated_prevalence", "logit_normalisation"}))
def test_every_rule(rule: str, tmp_path: Path) -> None:
    """By its name, with what it needs, or it says what that is; predict takes those that go by probabilities."""
    run = write_run(tmp_path / "runs" / "0")
    needs = known_rules()[rule].needs
    options: list[str] = []
    if "members" in needs:
        for seed in (1, 2):
            write_run(tmp_path / "runs" / str(seed), seed=seed)
        run = tmp_path / "runs"
    if "group" in needs:
        people = [{"split": split, "unit": f"p{at}", "sex": "fm"[at % 2]} for split in LABELS for at in range(90)]
        pd.DataFrame(people).to_csv(tmp_path / "sex.csv", index=False)
        options = ["--group", "sex", "--attributes", str(tmp_path / "sex.csv")]
    if "features" in needs:
        add_features(run)
    record = decided(run, rule, *options)
    assert set(record["decided"]) == {"train", "test"}
    assert record["value"].keys() <= record["spread"].keys()
    if not needs:
        given = read_given(run, known_rules()[rule])
        again = saved_decision(run, rule)
        test = Scores(given.splits["test"].prob)
        assert f1_score(given.splits["test"].labels, again.decide(test), average="macro") == pytest.approx(
            record["decided"]["test"]["macro_f1"]
        )


def add_features(run: Path) -> None:
    """Gives a run features, as ``fit --save_features true`` does."""
    with (run / "features.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.stack([one, one], 1) + 0.0 for name, one in LABELS.items()})
    result = json.loads((run / "result.json").read_text())
    write_json(run / "result.json", sealed({**result, "features_sha256": sha256_of(run / "features.npz")}))


def test_options_of_a_rule(run: Path) -> None:
    """Lists with and without brackets, a matrix for three classes, numbers; the record has them."""
    assert decided(run, "cost", "--cost", "1,4")["value"] == {"threshold": pytest.approx(0.2)}
    assert decided(run, "cost", "--cost=[1,4]")["options"] == {"cost": [1, 4]}
    assert decided(run, "stated_prevalence", "--prevalence", "0.1")["value"] == {"prevalence": 0.1}
    names = ("a", "b", "c")
    three = {split: np.arange(len(label)) % 3 for split, label in LABELS.items()}
    write_run(run.parent / "three", three, classes=3, class_names=names, objective="group_dro")
    record = decided(run.parent / "three", "cost", "--cost", "[[0, 1, 1], [2, 0, 1], [9, 3, 0]]")
    assert record["value"]["cost_2_0"] == 9
    assert record["decided"]["test"]["recall/c"] > record["raw"]["test"]["recall/c"]
    assert not [name for name in record["raw"]["test"] if name.startswith("pos_")]
    record = decided(run.parent / "three", "logit_normalisation")
    assert record["decided"]["test"]["macro_f1"] == record["raw"]["test"]["macro_f1"]
    assert record["decided"]["test"]["brier"] != record["raw"]["test"]["brier"]


class Spy(DecisionRule):
    """A rule that remembers what it was given."""

    given: ClassVar[list[Scores]] = []

    def fit(self, validation: Scores) -> Decision:
        Spy.given.append(validation)
        return Blind()


class Blind(Decision):
    """Decides for the first class, and fails where it is shown a class."""

    def value(self) -> Mapping[str, float]:
        return {}

    def decide(self, scores: Scores) -> Any:
        assert scores.target is None
        return np.zeros(len(scores.prob), int)


def test_a_rule_sees_validation_alone(run: Path) -> None:
    """Anybody's own rule, by its import path: the classes of no other split reach it, whatever it does."""
    Spy.given.clear()
    record = decided(run, "tests.test_decide.Spy")
    np.testing.assert_array_equal(Spy.given[0].labels, LABELS["val"])
    every = {tuple(row) for row in Spy.given[0].prob}
    assert all({tuple(row) for row in drawn.prob} <= every for drawn in Spy.given)  # bootstrap draws of the same
    assert record["decided"]["test"]["recall/healthy"] == 1
    flipped = {**LABELS, "test": 1 - LABELS["test"]}
    given = read_given(run, MacroF1)
    other = Given(run, given.records, {**given.splits, "test": Scores(given.splits["test"].prob, flipped["test"])})
    assert decide(given, MacroF1(), {}, {})["value"] == decide(other, MacroF1(), {}, {})["value"]


def test_an_ensemble_is_the_mean_of_its_runs(tmp_path: Path) -> None:
    """Raw figures are those of the mean probability; the folder gets the decision, no run does."""
    for seed in range(3):
        write_run(tmp_path / "runs" / str(seed), seed=seed)
    record = decided(tmp_path / "runs", "bayes_ensemble", "--cost", "1,1")
    frames = [pd.read_csv(tmp_path / "runs" / str(seed) / "predictions.csv") for seed in range(3)]
    test = frames[0]["split"] == "test"
    mean = np.mean([frame["prob_1"][test] for frame in frames], axis=0)
    assert record["raw"]["test"]["macro_f1"] == pytest.approx(f1_score(LABELS["test"], mean > 0.5, average="macro"))
    assert record["seeds"] == [0, 1, 2]
    assert not (tmp_path / "runs" / "0" / "decisions").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rule", "macrof1"], ("no rule 'macrof1'", "macro_f1", "import path")),
        (["--rule", "zzz"], ("no rule 'zzz'", "youden")),
        (["--rule", "nowhere.Rule"], ("nowhere.Rule cannot be imported",)),
        (["--rule", "clsunbias.errors.InputError"], ("is no rule", "DecisionRule")),
        (["--rule", "clsunbias.decisions.thresholds.Threshold"], ("is no rule",)),
        (["--rule", "stated_prevalence"], ("must be given --prevalence",)),
        (["--rule", "stated_prevalence", "--prevalence", "1.5"], ("between 0 and 1", "1.5")),
        (["--rule", "stated_prevalence", "--prevalence", "0"], ("between 0 and 1",)),
        (["--rule", "cost", "--cost", "1,-4"], ("not negative",)),
        (["--rule", "cost", "--cost", "1,2,3"], ("two numbers, or a row and a column",)),
        (["--rule", "cost", "--cost", "[[0,1,1],[1,0,1],[1,1,0]]"], ("for 3 classes, the scores of 2",)),
        (["--rule", "cost", "--prevalence", "0.1"], ("prevalence",)),
        (["--rule", "neighbour_threshold"], ("features", "--save_features true")),
        (["--rule", "neighbour_threshold", "--k", "0"], ("k must be at least 1",)),
        (["--rule", "bayes_ensemble"], ("several seeds", "the folder above them")),
        (["--rule", "score_and_uncertainty"], ("several seeds",)),
        (["--rule", "group_thresholds"], ("an attribute", "--group COLUMN --attributes FILE")),
        (["--rule", "group_thresholds", "--group", "sex"], ("--attributes FILE go together",)),
        (["--rule", "group_thresholds", "--group", "sex", "--attributes", "none.csv"], ("none.csv cannot be read",)),
    ],
)
def test_what_a_rule_cannot_do(options: list[str], said: tuple[str, ...], run: Path, capfd: Any) -> None:
    """One message, and nothing is written."""
    fails(["decide", str(run), *options], capfd, *said)
    assert not (run / "decisions").exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("person,sex\np0,f\n", "no column 'unit'"),
        ("unit,age\np0,3\n", "no column 'sex'"),
        ("unit,sex\np0,f\n", "needs a column split"),
        ("split,unit,sex\nval,p0,f\nval,p0,m\n", "twice: p0"),
        ("split,unit,sex\nval,p0,f\n", "no sex of 229 of 230 units: p0, p1, p2 and 226 more"),
    ],
)
def test_attributes_that_do_not_fit(table: str, said: str, run: Path, capfd: Any) -> None:
    """What is wrong with the file, and of how many units."""
    (run.parent / "sex.csv").write_text(table)
    options = ["--rule", "group_thresholds", "--group", "sex", "--attributes", str(run.parent / "sex.csv")]
    fails(["decide", str(run), *options], capfd, said)


def test_runs_that_no_rule_can_be_chosen_on(tmp_path: Path, capfd: Any) -> None:
    """No run; no validation; changed predictions; runs that are no seeds of one; other units."""
    fails(["decide", str(tmp_path), "--rule", "macro_f1"], capfd, "holds no finished run", "result.json")
    bare = write_run(tmp_path / "bare", {"test": LABELS["test"]})
    fails(["decide", str(bare), "--rule", "macro_f1"], capfd, "no rows of validation", "have it run again")
    changed = write_run(tmp_path / "changed")
    frame = pd.read_csv(changed / "predictions.csv")
    frame.assign(label=0).to_csv(changed / "predictions.csv", index=False)
    fails(["decide", str(changed), "--rule", "macro_f1"], capfd, "predictions.csv is missing or not what its record")
    write_run(tmp_path / "mixed" / "a")
    write_record(
        tmp_path / "mixed" / "b",
        {**CONFIG, "model": {"objective": "other"}},
        LABELS,
        dataset="clinic",
        objective="group_dro",
    )
    fails(["decide", str(tmp_path / "mixed"), "--rule", "bayes_ensemble"], capfd, "more than their seeds (a and b)")
    write_run(tmp_path / "apart" / "0")
    write_run(tmp_path / "apart" / "1", {**LABELS, "test": LABELS["test"][:50]}, seed=1)
    fails(["decide", str(tmp_path / "apart"), "--rule", "bayes_ensemble"], capfd, "was scored on other units")
    for seed in (0, 1):
        add_features(write_run(tmp_path / "featured" / str(seed), seed=seed))
    fails(["decide", str(tmp_path / "featured"), "--rule", "neighbour_threshold"], capfd, "differ between the 2 runs")


def test_a_run_without_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The choice is told all the same, and what there is to apply it to."""
    run = write_run(tmp_path / "run", {"val": LABELS["val"]})
    record = decided(run, "macro_f1")
    assert record["decided"] == {}
    assert "no other split than validation" in capsys.readouterr().out


def test_a_decision_that_is_not_the_runs_any_more(run: Path) -> None:
    """One changed by hand, or of predictions that the run had before, decides nothing and is in no card."""
    decided(run, "temperature")
    path = run / "decisions" / "temperature.json"
    whole = path.read_text()
    path.write_text(whole.replace('"dataset": "clinic"', '"dataset": "other"'))
    with pytest.raises(ValueError, match=r"temperature\.json cannot be used: it was changed"):
        saved_decision(run, "temperature")
    path.write_text(whole)
    with pytest.raises(ValueError, match=r"no decision by platt \(it has: temperature\); make one: clsunbias decide"):
        saved_decision(run, "platt")
    write_run(run, {**LABELS, "val": LABELS["val"][:40]})
    assert decisions_of(run) == []
    with pytest.raises(ValueError, match="rests on other predictions"):
        saved_decision(run, "temperature")


def test_a_command_starts_without_torch(run: Path) -> None:
    """Choosing a rule imports neither torch nor Lightning."""
    code = (
        f"import sys; from clsunbias.__main__ import main; main(['decide', {str(run)!r}, '--rule', 'platt']); "
        "print([name for name in ('torch', 'lightning', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
