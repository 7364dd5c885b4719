"""Each selection rule on made-up histories, driven as a run drives it."""

import json
import math
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from clsunbias.errors import InputError
from clsunbias.selection import Best, LastStep, LossRatio, Selection, SelectionRule
from tests.test_cli import fit


def select(rule: SelectionRule, rows: Iterable[dict[str, float]]) -> int | None:
    """The step of the row that a run keeps, None if none may be kept."""
    history: list[dict[str, float]] = []
    selection = Selection()
    for row in rows:
        history.append({"val/loss": 1.0, **row})
        selection.update(rule, history)
    return selection.step if selection.tied else None


def rows(name: str, *values: float) -> list[dict[str, float]]:
    """A history of one figure, with steps 1, 2, …."""
    return [{"step": float(step), name: value} for step, value in enumerate(values, start=1)]


def test_ties_go_to_the_lower_validation_loss() -> None:
    """Of 1.0 at steps 1, 2, 4 and 5 the least loss is at 4, the first of two with it; four validations tied."""
    history: list[dict[str, float]] = []
    selection, taken = Selection(), []
    for step, (f1, loss) in enumerate([(1, 0.9), (1, 0.5), (0.8, 0.1), (1, 0.3), (1, 0.3), (0.9, 0.2)], start=1):
        history.append({"step": step, "val/macro_f1": f1, "val/loss": loss})
        taken.append(selection.update(Best(), history))
    assert taken == [True, True, False, True, False, False]
    assert (selection.score, selection.loss, selection.step, selection.tied) == (1, 0.3, 4, 4)


def test_a_better_score_counts_its_ties_anew() -> None:
    """Two at .7, then one at .8: one validation had the score that counts, whatever its loss."""
    history: list[dict[str, float]] = []
    selection = Selection()
    for step, (f1, loss) in enumerate([(0.7, 0.1), (0.7, 0.2), (0.8, 0.9)], start=1):
        history.append({"step": step, "val/macro_f1": f1, "val/loss": loss})
        selection.update(Best(), history)
    assert (selection.step, selection.tied) == (3, 1)


@pytest.mark.parametrize("metric", ["val/loss/malignant", "val/loss", "train/brier"])
def test_a_loss_is_not_maximised(metric: str) -> None:
    """Whole or of a class: less is better, and that has to be said."""
    with pytest.raises(InputError, match="less is better: set mode to min"):
        Best(metric)


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (Best("val/x"), (0.1, 0.7, 0.3), 2),
        (Best("val/x"), (0.2, 0.7, 0.7, 0.7), 2),  # the earliest of equals with equal losses
        (Best("val/x", mode="min"), (0.4, 0.2, 0.2, 0.9), 2),
        (Best("val/x"), (math.nan, 0.1, math.nan), 2),
        (Best("val/x"), (math.nan, math.nan), None),
        (Best("val/x", over_last=2), (0.9, 0.1, 0.6, 0.6, 0.5), 4),  # means –, .50, .35, .60, .55
        (Best("val/x", mode="min", over_last=3), (0.0, 0.0, 0.9, 0.1, 0.2), 3),  # means –, –, .30, .33, .40
        (Best("val/x", over_last=4), (0.5, 0.5, 0.5), None),
        (LastStep(), (0.9, 0.1, 0.5), 3),
        (LastStep(), (math.nan,), 1),
    ],
)
def test_rules_on_short_histories(rule: SelectionRule, values: tuple[float, ...], expected: float | None) -> None:
    """Highest or lowest value or mean, ties to the earliest, nothing before the mean is whole."""
    assert select(rule, rows("val/x", *values)) == expected


def test_the_default_rule_is_validation_macro_f1() -> None:
    """Unsaid, a run is judged by the highest macro-F1, whatever its loss."""
    history = [
        {"step": 1.0, "val/macro_f1": 0.4, "val/loss": 0.1},
        {"step": 2.0, "val/macro_f1": 0.6, "val/loss": 0.9},
    ]
    assert select(Best(), history) == 2


def test_a_training_figure_may_select() -> None:
    """Training figures are open to rules, as validation's are."""
    assert select(Best("train/loss_gap", mode="min"), rows("train/loss_gap", 0.3, 0.1, 0.2)) == 2


@pytest.mark.parametrize("metric", ["test/macro_f1", "test_1/loss", "macro_f1", "lr"])
def test_test_data_cannot_select(metric: str) -> None:
    """A figure of anything but training and validation is refused by name, before there is a history."""
    with pytest.raises(InputError, match=rf"'{metric}' is refused"):
        Best(metric)


def test_an_unknown_figure_and_an_empty_window_are_refused() -> None:
    """The message lists the figures that there are; a mean needs one row at least."""
    with pytest.raises(InputError, match=r"no figure 'val/f1'.*step, val/loss, val/macro_f1"):
        Best("val/f1").score([{"step": 1.0, "val/macro_f1": 0.5, "val/loss": 0.5}])
    with pytest.raises(InputError, match="over_last must be at least 1, got 0"):
        Best(over_last=0)


def authors_choice(train: list[float], val: list[float]) -> int:
    """The epoch that the authors' loop keeps: one training loss an epoch, one validation each 5 epochs."""
    train_window: deque[float] = deque(maxlen=10)
    val_window: deque[float] = deque(maxlen=10)
    best, kept = math.inf, -1
    for epoch in range(len(train)):
        train_window.append(train[epoch])
        if epoch % 5 == 0:
            val_window.append(val[epoch])
            ratio = (sum(val_window) / len(val_window)) / (sum(train_window) / len(train_window))
            if epoch >= 100 and ratio < best * (1 + 1e-4):
                best, kept = ratio, epoch
    return kept


def toy_rows(train: list[float], val: list[float]) -> list[dict[str, float]]:
    """The same losses as a run of the toy records them: a row after iterations 1, 6, 11, …."""
    history = []
    for epoch in range(0, len(train), 5):
        since = train[max(0, epoch - 4) : epoch + 1]
        row = {"step": epoch + 1.0, "train/objective": sum(since) / len(since), "val/loss": val[epoch]}
        history.append(row)
    return history


@pytest.mark.parametrize("seed", range(8))
def test_loss_ratio_is_the_authors_rule(seed: int) -> None:
    """On random curves of 1000 iterations it keeps the row that a plain loop over the authors' rule keeps."""
    random = np.random.default_rng(seed)
    drift = (seed - 4) * 2e-4  # ratios that fall, stand and rise
    train = (0.5 + 0.05 * random.standard_normal(1000) * (seed % 3)).tolist()
    val = (0.5 * np.exp(drift * np.arange(1000)) + 0.01 * random.standard_normal(1000)).tolist()
    expected = authors_choice(train, val)
    assert expected >= 100
    assert select(LossRatio(), toy_rows(train, val)) == expected + 1


@pytest.mark.parametrize(("growth", "expected"), [(5e-5, 201), (2e-4, 101), (-1e-3, 201)])
def test_loss_ratio_follows_a_slow_rise_only(growth: float, expected: int) -> None:
    """A ratio that rises by less than 1e-4 a row replaces the best, one that rises faster does not."""
    history = [
        {"step": 5.0 * index + 1, "train/objective": 0.4, "val/loss": 0.4 * (1 + growth) ** index}
        for index in range(41)
    ]
    rule = LossRatio(val_window=1, train_window=1)
    assert select(rule, history) == expected
    assert select(rule, history[:20]) is None  # step 96: the last before the first eligible one


def test_a_run_keeps_what_its_rule_prefers(tmp_path: Path) -> None:
    """Not the last of them: on the imbalanced toy the loss ratio is least where it may first be taken."""
    options = ("--selection", "clsunbias.selection.LossRatio", "--trainer.max_steps", "131")
    assert fit("toy_imbalanced", tmp_path / "run", *options, objective="erm") == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["step"] == 101
