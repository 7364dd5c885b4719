"""The toy with its shares as one likes: how far a model leans on the class-specific feature, trained in a moment."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from clsunbias.data import Split, Toy
from clsunbias.data.toy import TEST_BLOCKS, TRAIN_BLOCKS, draw
from clsunbias.errors import InputError
from clsunbias.experiments.paper import toy_figures
from clsunbias.metrics import classification_metrics
from clsunbias.objectives import ERM, ClsUnbias, Objective, widen
from clsunbias.schedules import Linear, Schedule, progress

LINES = {line.label: line for line in (toy_figures.ERM_LINE, toy_figures.CLS_UNBIAS_LINE)}

SCHEDULES: Mapping[str, Schedule] = {"lam": Linear(1.0, 2.0), "tau": Linear(10.0, 1.0)}
"""The paper's for the toy."""


@dataclass(frozen=True)
class Shift:
    """Shares of the toy. f2 is high for all negatives in training; the closer the positives' share, the less it tells.

    Attributes:
        positive: P(positive) in training; tests are balanced.
        train_f2: P(f2 high | positive) in training; 0.5 in the paper, 1 makes f2 useless, 0 makes it a clean mark.
        test_f2: P(f2 high) in the test, for both classes: 1 in the paper's test 1, 0.5 in its test 2.
        seed: of the data and of the initialisation.

    Raises:
        InputError: positive outside (0, 1), or another share outside [0, 1].
    """

    positive: float = 0.5
    train_f2: float = 0.5
    test_f2: float = 0.5
    seed: int = 42

    def __post_init__(self) -> None:
        if not 0 < self.positive < 1:
            raise InputError(f"positive must lie between 0 and 1, got {self.positive}")
        for name in ("train_f2", "test_f2"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is a share, from 0 to 1; got {getattr(self, name)}")

    def splits(self) -> dict[str, Split]:
        """``train``, about 1000 rows, and ``test``, about 500, drawn as the paper's with noise of its own."""
        positive, train_f2, test_f2 = (Fraction(str(share)) for share in (self.positive, self.train_f2, self.test_f2))
        return {
            "train": draw(1000, positive, TRAIN_BLOCKS, (Fraction(1), train_f2), self.seed),
            "test": draw(500, Fraction(1, 2), TEST_BLOCKS, (test_f2, test_f2), self.seed + 1),
        }


def train_line(
    train: Split,
    objective: Objective,
    schedules: Mapping[str, Schedule] | None = None,
    seed: int = 42,
    steps: int = 200,
    learning_rate: float = 0.05,
) -> Tensor:
    """A linear model of the toy, trained in a moment: full batch, Adam, the last weights, nothing kept.

    With 1000 steps at 0.01 this is the run of ``configs/toy_*.yaml``; a fifth of the steps at five times the rate comes
    within a few hundredths of it. Schedules are of the objective's numbers, by name; the seed is of the initialisation.

    Returns:
        The line (w1, w2, b), float32 ``(3,)``: positive is predicted where w1·f1 + w2·f2 + b > 0.
    """
    x, target = train.x[:], train.target
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Linear(x.shape[1], 1)
    objective.setup(torch.bincount(target, minlength=2))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for step in range(steps):
        for name, schedule in (schedules or {}).items():
            setattr(objective, name, schedule(progress(step, steps)))
        optimizer.zero_grad()
        objective(widen(model(x)), target)["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return torch.cat([model.weight.detach().flatten(), model.bias.detach()])


def both_lines(train: Split, seed: int = 42) -> dict[str, Tensor]:
    """ERM's line and that of Cls-unbias with the paper's schedules."""
    return {
        "ERM": train_line(train, ERM(), seed=seed),
        "Cls-unbias": train_line(train, ClsUnbias(), SCHEDULES, seed=seed),
    }


def compare_lines(splits: Mapping[str, Split], lines: Mapping[str, Tensor]) -> pd.DataFrame:
    """A row for each split and method: recalls, losses, their gap, and |w2|/|w1|, how far it leans on f2."""
    rows = {}
    for (name, split), (method, line) in itertools.product(splits.items(), lines.items()):
        logits = widen((split.x[:] @ line[:2] + line[2]).unsqueeze(1))
        losses = nn.functional.cross_entropy(logits, split.target, reduction="none")
        measured = classification_metrics(logits.softmax(1), split.target, losses, Toy.class_names)
        rows[name, method] = {**measured, "lean": float(abs(line[1] / line[0]))}
    metrics = ["neg_recall", "pos_recall", "macro_f1", "loss_neg", "loss_pos", "loss_gap", "lean"]
    return pd.DataFrame(rows).T.rename_axis(["split", "method"])[metrics]


def repeat(shift: Shift, seeds: range) -> pd.DataFrame:
    """:func:`compare_lines` of several draws of data and initialisation: a row for each seed, split and method."""
    splits = {seed: replace(shift, seed=seed).splits() for seed in seeds}
    parts = {seed: compare_lines(drawn, both_lines(drawn["train"], seed)) for seed, drawn in splits.items()}
    return pd.concat(parts, names=["seed"])


def draw_splits(splits: Mapping[str, Split], lines: Mapping[str, Tensor]) -> Figure:
    """Class densities and decision lines, a panel for each split."""
    figure = Figure(figsize=(4.2 * len(splits), 4.8), layout="constrained")
    toy_figures.draw_splits(figure, splits, {LINES[method]: line for method, line in lines.items()})
    return figure


def explore(positive: float = 0.5, train_f2: float = 0.5, test_f2: float = 0.5, seed: int = 42) -> Figure:
    """Draws the data of a shift, trains both methods on them and shows their lines; arguments as of :class:`Shift`."""
    splits = Shift(positive, train_f2, test_f2, seed).splits()
    lines = both_lines(splits["train"], seed)
    figure, measures = draw_splits(splits, lines), compare_lines(splits, lines)
    for axes, name in zip(figure.axes, splits, strict=True):
        text = "\n".join(
            f"{method}: neg {row['neg_recall']:.2f}, pos {row['pos_recall']:.2f}, loss gap {row['loss_gap']:.2f}"
            for method, row in measures.loc[name].iterrows()
        )
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85}
        axes.text(0.98, 0.98, text, transform=axes.transAxes, ha="right", va="top", fontsize=8, bbox=box, zorder=3)
    return figure
