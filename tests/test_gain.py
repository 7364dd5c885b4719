"""The split of a gain: what ranking buys, what a threshold gives too; and the influences of units on metrics."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from clsunbias.__main__ import main
from clsunbias.decisions import BalancedAccuracy, MacroF1, Scores
from clsunbias.decisions.base import Floats, Labels
from clsunbias.experiments.analysis.draws import MANY
from clsunbias.experiments.analysis.gain import BESIDE, PARTS, Levels, own_decisions, split_gain
from clsunbias.experiments.analysis.influence import ManyUnits, area_influences, f1_influence, scores_of
from clsunbias.experiments.analysis.ranking import areas
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import metrics, unit_sums
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid


def two_classes(random: np.random.Generator, runs: int, target: Labels, skill: float, digits: int = 3) -> Floats:
    """Probabilities ``(S, N, 2)``, rounded so that there are ties."""
    logits = (2 * target - 1) * skill + random.normal(0, 1, (runs, len(target))) - 0.5
    prob = (1 / (1 + np.exp(-logits))).round(digits)
    return np.stack([1 - prob, prob], axis=2)


def levels(validation: Floats, labels: Labels, test: Floats, target: Labels) -> Levels:
    """Macro-F1 without and with a threshold of its own."""
    own = own_decisions(validation, labels, test)
    plain, decided = (SplitScores(test, target, ["macro_f1"], decided=one).samples["macro_f1"] for one in (None, own))
    return Levels(plain, decided, test.argmax(2), own)


@pytest.mark.parametrize("power", [0.3, 3.0])
def test_a_moved_threshold_has_no_ranking_part(power: float) -> None:
    """To the digit, in every run and every resample: any strictly rising function of the same probability."""
    random = np.random.default_rng(4)
    labels, target = np.arange(50) % 2, np.arange(80) % 3 % 2
    validation, test = (two_classes(random, 5, one, 0.5) for one in (labels, target))
    moved = [np.stack([1 - one[..., 1] ** power, one[..., 1] ** power], axis=2) for one in (validation, test)]
    parts = split_gain(levels(moved[0], labels, moved[1], target), levels(validation, labels, test, target))
    assert not parts["ranking"].values.any()
    assert not parts["ranking"].drawn.any()
    assert (parts["threshold"].values == parts["gain"].values).all()
    assert parts["gain"].values.any(), "though the methods decide otherwise"


def test_parts_by_hand() -> None:
    """A gain is what the formula says, each run with its own threshold, the rule that is asked for."""
    random = np.random.default_rng(5)
    labels, target = np.arange(60) % 2, np.arange(90) % 2
    ours, theirs = [[two_classes(random, 2, one, skill) for one in (labels, target)] for skill in (1.0, 0.6)]
    parts = split_gain(levels(ours[0], labels, ours[1], target), levels(theirs[0], labels, theirs[1], target))
    found = {}
    for name, (validation, test) in {"m": ours, "E": theirs}.items():
        for run in range(2):
            rule = MacroF1().choose(Scores(validation[run], labels))
            for how, decided in (("own", rule.decide(Scores(test[run]))), ("plain", test[run].argmax(1))):
                found[name, how, run] = metrics(unit_sums(np.eye(2)[decided][None], target).sum(0))["macro_f1"][0]
    for run in range(2):
        gain = found["m", "plain", run] - found["E", "plain", run]
        ranking = found["m", "own", run] - found["E", "own", run]
        assert parts["gain"].values[run] == pytest.approx(gain)
        assert parts["ranking"].values[run] == pytest.approx(ranking)
        assert parts["threshold"].values[run] == pytest.approx(gain - ranking)
    other = own_decisions(ours[0], labels, ours[1], BalancedAccuracy())
    cut = BalancedAccuracy().choose(Scores(ours[0][1], labels)).value()["threshold"]
    assert (other[1] == (ours[1][1, :, 1] >= cut)).all()


def test_more_classes_have_offsets() -> None:
    """Fixed, as they were chosen."""
    random = np.random.default_rng(6)
    labels = np.arange(60) % 3
    prob = random.dirichlet(np.ones(3), (2, 60))
    decided = own_decisions(prob, labels, prob)
    assert decided.shape == (2, 60)
    before, after = (SplitScores(prob, labels, ["macro_f1"], decided=one).values["macro_f1"] for one in (None, decided))
    assert (after >= before).all()


@pytest.mark.parametrize("digits", [1, 6])
def test_influences_are_derivatives(digits: int) -> None:
    """Of each metric by a unit's weight, with and without ties."""
    random = np.random.default_rng(7)
    score, target = random.random(40).round(digits), (random.random(40) < 0.4).astype(int)
    positive = target == 1
    prob = two_classes(random, 1, target, 0.5)
    step = 0.01
    weights = np.vstack([100 * np.ones(40), 100 * (np.ones(40) + step * np.eye(40))])  # whole numbers, as areas asks
    sums = unit_sums(prob, target).astype(float)
    f1 = metrics(np.einsum("bn,nsfc->bsfc", weights, sums))["macro_f1"][:, 0]
    expected = [*areas(score, positive, weights), f1]
    found = [*area_influences(score, positive), f1_influence(prob, target)[0]]
    for values, influence in zip(expected, found, strict=True):
        assert 40 * (values[1:] - values[0]) / step == pytest.approx(influence, abs=0.03)
        assert influence.mean() == pytest.approx(0, abs=1e-6)


def test_many_units_are_judged_as_if_drawn() -> None:
    """Spread of each metric and of its paired difference, and p-values: as by resamples and swaps."""
    random = np.random.default_rng(8)
    target = random.choice(3, 300, p=[0.5, 0.3, 0.2])
    logits = random.normal(0, 1, (2, 2, 300, 3)) + np.eye(3)[target] * np.array([1.0, 1.15])[:, None, None, None]
    prob = np.exp(logits) / np.exp(logits).sum(3, keepdims=True)
    names = ("macro_f1", "auroc", "auprc", "brier")
    drawn, many = [SplitScores(one, target, names) for one in prob], [ManyUnits(one, target, names) for one in prob]
    p_values = [drawn[1].permutation_p(drawn[0]), many[1].permutation_p(many[0])]
    for name in names:
        (one, other), (like, like_other) = [each.samples[name] for each in drawn], [each.samples[name] for each in many]
        for expected, found in ((one, like), (other.less(one), like_other.less(like))):
            assert float(found.drawn.mean(1).std()) == pytest.approx(float(expected.drawn.mean(1).std()), rel=0.1), name
        assert p_values[1][name] == pytest.approx(p_values[0][name], abs=0.03), name


@pytest.mark.parametrize("units", [300, MANY + 1])
def test_the_scale_of_scores_hides_no_difference(units: int) -> None:
    """P-values of how methods rank are the same whatever increasing function one method's scores go through."""
    random = np.random.default_rng(9)
    target = random.integers(0, 2, units)
    logits = random.normal(0, 1, (2, 4, units)) + target * np.array([1.0, 1.6])[:, None, None]
    names = ("auroc", "auprc")
    weak, strong, lower = (expit(one) for one in (*logits, logits[1] - 6))
    scored = [scores_of(np.stack([1 - one, one], 2), target, names) for one in (weak, strong, lower)]
    p_values = [one.permutation_p(scored[0]) for one in scored[1:]]
    for name in names:
        assert p_values[0][name] < 0.01
        assert p_values[1][name] == pytest.approx(p_values[0][name], abs=1e-6)


def test_a_table_splits_every_gain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In its CSV file, in Markdown, in the terminal and on the page: of methods with validation predictions."""
    columns = {"toy": TOY_COLUMN}
    grid = write_made_up_grid(tmp_path, columns, {"toy": SPEAKERS}, protocols={"paper": {"seeds": 4}})
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out")]) == 0
    lines = pd.read_csv(tmp_path / "out" / "toy_gains.csv")
    assert list(lines["part"]) == [*PARTS, *BESIDE]
    values = lines.set_index("part")["value"]
    assert values["gain"] == pytest.approx(values["ranking"] + values["threshold"])
    cells = pd.read_csv(tmp_path / "out" / "toy_comparisons.csv").set_index("metric")["difference"]
    assert values["gain"] == pytest.approx(cells["test/macro_f1"], abs=1e-6)
    assert (lines["low"].notna() == lines["part"].isin(["gain", "ranking", "threshold"])).all()
    page = (tmp_path / "out" / "toy.md").read_text()
    assert "ranking part | threshold part | AUROC" in page
    assert f"{values['ranking']:+.3f} (".replace("0.", ".") in page
    capsys.readouterr()
    assert main(["report", str(tmp_path / "out"), "--grid", str(grid)]) == 0
    assert "threshold part" in capsys.readouterr().out


def test_without_validation_units_no_gain_is_split(tmp_path: Path) -> None:
    """The table is as it was."""
    labels = {name: SPEAKERS[name] for name in ("train", "test")}
    grid = write_made_up_grid(tmp_path, {"toy": TOY_COLUMN}, {"toy": labels})
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "toy_gains.csv").exists()
    assert "threshold part" not in (tmp_path / "out" / "toy.md").read_text()
