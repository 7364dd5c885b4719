"""The paper's two-dimensional toy: one feature that both classes share, one that informs about the negatives only."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from clsunbias.data.base import DataModule
from clsunbias.data.samplers import BatchSampler, FullBatches
from clsunbias.data.split import Split
from clsunbias.errors import InputError

HIGH = 3.0
"""Centre of a feature's high mode; the low mode is centred at 0, both have unit variance."""


@dataclass(frozen=True)
class Block:
    """Rows of one class with f1 in one mode.

    Attributes:
        label: 0 negative, 1 positive.
        share: the block's share of its class.
        f1_high: whether f1 is drawn around HIGH.
    """

    label: int
    share: Fraction
    f1_high: bool


# f1 is high for 90 % of the positives and 10 % of the negatives, everywhere. The order of the blocks is that of the
# authors' code (github.com/zuo-ls/cls-unbias), which their published figures depend on.
MOST, FEW = Fraction(9, 10), Fraction(1, 10)
TRAIN_BLOCKS = (Block(0, FEW, True), Block(0, MOST, False), Block(1, FEW, False), Block(1, MOST, True))
TEST_BLOCKS = (Block(0, MOST, False), Block(0, FEW, True), Block(1, MOST, True), Block(1, FEW, False))

# P(f2 high | negative), P(f2 high | positive)
TRAIN_F2 = (Fraction(1), Fraction(1, 2))
TEST_1_F2 = (Fraction(1), Fraction(1))
TEST_2_F2 = (Fraction(1, 2), Fraction(1, 2))


def draw(
    size: int, positive: Fraction, blocks: tuple[Block, ...], f2_high: tuple[Fraction, Fraction], seed: int
) -> Split:
    """Draws one set with exact counts, as the authors' code does.

    A block has int(size · P(class) · share) rows, one more until f2's counts are whole. In it, f1 then f2 are drawn
    low values first, from one legacy NumPy generator, and the rows are shuffled with the same generator.

    Args:
        size: rows before rounding.
        positive: P(positive).
        blocks: in order of drawing.
        f2_high: P(f2 high) of the negatives and of the positives.
        seed: of the generator.

    Returns:
        x float32 ``(N, 2)``: f1, f2; labels 0 and 1.
    """
    random = np.random.RandomState(seed)
    rows, labels = [], []
    for block in blocks:
        count = int(size * (positive if block.label else 1 - positive) * block.share)
        while (count * f2_high[block.label]).denominator != 1:
            count += 1
        highs = (count if block.f1_high else 0, int(count * f2_high[block.label]))
        features = [
            np.concatenate([random.standard_normal(count - high), random.standard_normal(high) + HIGH])
            for high in highs
        ]
        block_rows = np.stack(features, axis=1)
        random.shuffle(block_rows)
        rows.append(block_rows)
        labels.append(np.full(count, block.label))
    return Split(torch.from_numpy(np.concatenate(rows)).float(), torch.from_numpy(np.concatenate(labels)).long())


class Toy(DataModule):
    """The toy of arXiv 2508.06943, section 2.1, drawn exactly as the authors' code draws it. Simulated data.

    Sets: train 1000 rows; val 248, always balanced; test_1 500 (f2 high for all); test_2 504 (f2 uninformative). With
    the default seeds the numbers are those behind Table 1; note that the authors seed training and tests alike, so
    their noise is not independent. Training is full batch, unless options name a sampler.

    Args:
        positive_fraction: P(positive) in the training set, in (0, 1): 0.5 balanced, 0.1 imbalanced.
        train_seed: of the training set.
        val_seed: of the validation set.
        test_seed: of each test set.
        validate_every: iterations from one validation to the next; the first is after iteration 1.
        options: of every data set (:class:`DataModule`).

    Raises:
        InputError: positive_fraction outside (0, 1), or validate_every below 1.
    """

    class_names = ("negative", "positive")
    simulated = True
    official_splits = True
    licence = "none needed: made up, by the recipe of the paper's authors"

    def __init__(
        self,
        positive_fraction: float = 0.5,
        train_seed: int = 42,
        val_seed: int = 43,
        test_seed: int = 42,
        validate_every: int = 5,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not 0 < positive_fraction < 1:
            raise InputError(f"positive_fraction must lie between 0 and 1, got {positive_fraction}")
        if validate_every < 1:
            raise InputError(f"validate_every must be at least 1, got {validate_every}")
        self.positive_fraction = Fraction(str(positive_fraction))
        self.seeds = (train_seed, val_seed, test_seed)
        self.validate_every = validate_every

    def load(self) -> dict[str, Split]:
        half, (train, val, test) = Fraction(1, 2), self.seeds
        return {
            "train": draw(1000, self.positive_fraction, TRAIN_BLOCKS, TRAIN_F2, train),
            "val": draw(250, half, TRAIN_BLOCKS, TRAIN_F2, val),
            "test_1": draw(500, half, TEST_BLOCKS, TEST_1_F2, test),
            "test_2": draw(500, half, TEST_BLOCKS, TEST_2_F2, test),
        }

    def train_sampler(self, train: Split) -> BatchSampler:
        return super().train_sampler(train) if self.sampler else FullBatches(train, self.validate_every)
