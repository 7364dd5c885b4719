"""The toy with shares of one's own: the trained line is that of the suite, and the figures are of that line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from clsunbias.data import Toy
from clsunbias.errors import InputError
from clsunbias.experiments.paper.toy_demo import (
    SCHEDULES,
    Shift,
    both_lines,
    compare_lines,
    explore,
    repeat,
    train_line,
)
from clsunbias.objectives import ClsUnbias
from tests.test_cli import fit


def test_the_line_is_that_of_a_run(tmp_path: Path) -> None:
    """The plain loop takes the very steps of ``clsunbias fit`` on the paper's imbalanced toy."""
    options = ("--trainer.max_steps", "41", "--selection", "clsunbias.selection.LastStep")
    assert fit("toy_imbalanced", tmp_path / "run", *options) == 0
    state = torch.load(tmp_path / "run" / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"]
    expected = torch.cat([state["network.weight"].flatten(), state["network.bias"]])
    train = Toy(0.1).load()["train"]
    before = torch.random.get_rng_state()
    found = train_line(train, ClsUnbias(), SCHEDULES, steps=41, learning_rate=0.01)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_the_default_shift_is_the_papers_toy() -> None:
    """Its training rows are the paper's; the test's are drawn with another seed, in test 2's shares."""
    splits, paper = Shift(0.1).splits(), Toy(0.1).load()
    assert torch.equal(splits["train"].x[:], paper["train"].x[:])
    assert torch.equal(splits["test"].target, paper["test_2"].target)
    assert not torch.equal(splits["test"].x[:], paper["test_2"].x[:])


def test_measures_of_a_line() -> None:
    """Recall of each class counted by hand; the lean is |w2/w1|; under imbalance ERM misses positives."""
    splits = Shift(0.1).splits()
    lines = both_lines(splits["train"])
    found = compare_lines(splits, lines).to_dict("index")
    x, target = splits["test"].x[:], splits["test"].target
    for method, (w1, w2, bias) in lines.items():
        said = (w1 * x[:, 0] + w2 * x[:, 1] + bias > 0).long()
        row = found["test", method]
        assert row["pos_recall"] == pytest.approx(float((said[target == 1] == 1).float().mean()))
        assert row["neg_recall"] == pytest.approx(float((said[target == 0] == 0).float().mean()))
        assert row["lean"] == pytest.approx(abs(float(w2 / w1)))
        assert row["loss_gap"] == pytest.approx(abs(row["loss_pos"] - row["loss_neg"]), abs=1e-6)
    erm, cls_unbias = found["train", "ERM"], found["train", "Cls-unbias"]
    assert erm["pos_recall"] < 0.6 < cls_unbias["pos_recall"]
    assert cls_unbias["loss_gap"] < 0.05 < erm["loss_gap"]


def test_repetitions_draw_anew() -> None:
    """A row for each seed, split and method; the first seed's are those of that shift alone."""
    found = repeat(Shift(0.1), range(7, 9))
    assert found.index.names == ["seed", "split", "method"]
    assert len(found) == 2 * 2 * 2
    splits = Shift(0.1, seed=7).splits()
    alone = compare_lines(splits, both_lines(splits["train"], 7))
    np.testing.assert_allclose(found.loc[7], alone)
    assert not np.allclose(found.loc[8], alone)


def test_explore_draws_a_panel_for_each_split() -> None:
    """With both lines in each, and their figures beside them."""
    figure = explore(positive=0.2, train_f2=0.3, test_f2=0.7)
    assert [axes.get_title() for axes in figure.axes] == [
        "train: 800 negative, 200 positive",
        "test: 260 negative, 260 positive",
    ]
    for axes in figure.axes:
        assert {line.get_color() for line in axes.lines} >= {"#000000", "#009E73"}
        assert "Cls-unbias: neg" in axes.texts[0].get_text()


@pytest.mark.parametrize(("shares", "part"), [({"positive": 0}, "positive"), ({"test_f2": 1.1}, "test_f2")])
def test_shares_are_shares(shares: dict[str, float], part: str) -> None:
    """Anything else is named."""
    with pytest.raises(InputError, match=part):
        Shift(**shares)  # type: ignore[arg-type]
