"""Samplers of stated shares, of classes and attributes, and those that change as training proceeds."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from clsunbias.data import (
    AttributeBalanced,
    ClassBalanced,
    Expanding,
    LabelNoise,
    MinorityShare,
    Oversampled,
    Phases,
    ShuffledBatches,
    Split,
    Undersampled,
    Units,
)
from clsunbias.data.samplers import BatchSampler
from clsunbias.errors import InputError

CLASS_COUNTS = (8, 64, 27)
"""Of classes 0, 1 and 2: the smallest is not the last."""


def split(counts: tuple[int, ...] = CLASS_COUNTS) -> Split:
    """A split of so many rows of each class, with an attribute that goes with the class."""
    target = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    number = torch.arange(len(target))
    return Split(torch.zeros(len(target), 1), target, more={"group": ((number + target) % (2 + target) > 0).long()})


def by_class(sampler: BatchSampler, target: Tensor) -> list[float]:
    """Rows of each class that an epoch is expected to hold."""
    return torch.bincount(target, sampler.expected_rows().double()).tolist()


def epoch(sampler: BatchSampler, number: int, epochs: int = 10) -> Tensor:
    """All rows of an epoch of a run."""
    sampler.epochs = epochs
    sampler.set_epoch(number)
    return torch.cat(list(sampler))


SHARES: list[tuple[Callable[[Split], BatchSampler], list[float]]] = [
    (partial(ClassBalanced), [33, 33, 33]),
    (partial(ClassBalanced, power=1.0), [8, 64, 27]),
    (partial(ClassBalanced, power=1 / 3), [22, 44, 33]),  # roots 2, 4, 3 of 9
    (partial(ClassBalanced, power=-1 / 3), [99 * 6 / 13, 99 * 3 / 13, 99 * 4 / 13]),  # 1/2, 1/4, 1/3
    (partial(MinorityShare, share=0.4), [39.6, 59.4 * 64 / 91, 59.4 * 27 / 91]),
    (partial(Oversampled), [64, 64, 64]),
    (partial(Oversampled, ratio=0.25), [16, 64, 27]),
    (partial(Undersampled), [8, 8, 8]),
    (partial(Undersampled, ratio=0.5), [8, 16, 16]),
]


@pytest.mark.parametrize(("make", "expected"), SHARES)
def test_shares_of_the_classes(make: Callable[[Split], BatchSampler], expected: list[float]) -> None:
    """By hand; what is drawn over many epochs is what is said."""
    train = split()
    sampler = make(train)
    assert by_class(sampler, train.target) == pytest.approx(expected)
    drawn = torch.stack([torch.bincount(train.target[epoch(sampler, number)]) for number in range(60)])
    assert (drawn.double().mean(0) - torch.tensor(expected)).abs().max() < 3
    assert int(drawn[0].sum()) == sampler.size == round(sum(expected))
    assert not torch.equal(epoch(sampler, 0), epoch(sampler, 1))
    assert torch.equal(epoch(make(train), 7), epoch(sampler, 7))


def test_oversampling_misses_no_row_and_undersampling_repeats_none() -> None:
    """Every row of the largest class once, of others two or three times; over epochs all rows come."""
    train = split()
    found = torch.bincount(epoch(Oversampled(train), 3), minlength=99)
    assert set(found[8:72].tolist()) == {1}
    assert set(found[72:].tolist()) == {2, 3}
    sampler = Undersampled(train)
    seen = [epoch(sampler, number) for number in range(150)]
    assert all(len(set(rows.tolist())) == 24 for rows in seen)
    assert len(set(torch.cat(seen).tolist())) == 99


@pytest.mark.parametrize("correlation", [0.0, 0.6, -1.0])
def test_class_and_attribute_correlate_as_stated(correlation: float) -> None:
    """Cells of (1 ± ρ)/4, whatever they were."""
    train = split((30, 60))
    sampler = AttributeBalanced(train, correlation=correlation)
    cell = 2 * train.target + train.more["group"]
    same, other = (1 + correlation) / 4, (1 - correlation) / 4
    shares = torch.bincount(cell, sampler.expected_rows().double(), minlength=4) / 90
    assert shares.tolist() == pytest.approx([same, other, other, same])


def test_attributes_that_cannot_be_balanced() -> None:
    """None there, a cell without a row, a correlation of three classes."""
    with pytest.raises(InputError, match=r"no attribute 'sex' \(they have group\)"):
        AttributeBalanced(split(), attribute="sex")
    with pytest.raises(InputError, match="0 unless there are two classes and two values; here are 3 and 2"):
        AttributeBalanced(split(), correlation=0.2)
    lacking = Split(torch.zeros(3, 1), torch.tensor([0, 0, 1]), more={"group": torch.tensor([0, 1, 1])})
    with pytest.raises(InputError, match="no training row of class 1 has value 0 of group"):
        AttributeBalanced(lacking)


WRONG: list[Callable[[Split], object]] = [
    partial(MinorityShare, share=1.0),
    partial(Oversampled, ratio=0.0),
    partial(Undersampled, ratio=1.1),
    partial(ClassBalanced, power=float("nan")),
    partial(Expanding, warmup=0.5, whole=0.5),
    partial(Phases, samplers=[ShuffledBatches], starts=[0.5]),
    partial(Phases, samplers=[ShuffledBatches, ClassBalanced], starts=[0.0, 1.0]),
    partial(Phases, samplers=[ShuffledBatches, Undersampled], starts=[0.0, 0.5]),
    partial(Phases),
]


@pytest.mark.parametrize("make", WRONG)
def test_numbers_out_of_range(make: Callable[[Split], object]) -> None:
    """Refused when the sampler is made, which is before training."""
    with pytest.raises(InputError):
        make(split())


def test_phases_follow_each_other() -> None:
    """Balanced for four of ten epochs, then as they are; what an objective divides by is the mean over the run."""
    train = split()
    sampler = Phases(train, 16, [partial(ClassBalanced, power=-3.0), ShuffledBatches], [0.0, 0.4])
    smallest = [int((train.target[epoch(sampler, number)] == 0).sum()) for number in range(10)]
    assert all(count > 85 for count in smallest[:4])
    assert smallest[4:] == [8] * 6
    assert by_class(sampler, train.target)[1] == pytest.approx(0.6 * 64, abs=1)
    assert len(sampler) == 7


def test_data_expand_from_a_balanced_core() -> None:
    """As many of each group at first; all rows at last; those that have joined stay; as many steps in each epoch."""
    train = split()
    for attribute, core in ((None, [8, 8, 8]), ("group", [8, 6, 6])):
        sampler = Expanding(train, 10, attribute, warmup=0.2, whole=0.8)
        joined = [set(epoch(sampler, number).tolist()) for number in range(10)]
        counts = torch.bincount(train.target[torch.tensor(sorted(joined[0]))]).tolist()
        if attribute is None:
            assert counts == core
        else:
            cells = (2 * train.target + train.more["group"])[torch.tensor(sorted(joined[0]))]
            assert len(set(torch.bincount(cells).tolist())) == 1
        assert joined[0] == joined[2] < joined[3] < joined[7] < joined[8] == set(range(99))
        assert len(epoch(sampler, 1)) == 99


@pytest.mark.parametrize("make", [ClassBalanced, Oversampled, Undersampled, Expanding, MinorityShare])
def test_two_processes_share_each_batch(make: Callable[[Split], BatchSampler]) -> None:
    """Together they draw what one draws, also where a sampler stands in another."""
    whole = epoch(make(split()), 3)
    outer = partial(Phases, batch_size=64, samplers=[lambda one, _: make(one)], starts=[0.0])
    for kind in (make, outer):
        shares = []
        for rank in range(2):
            sampler = kind(split())
            sampler.num_replicas, sampler.rank = 2, rank
            shares.append(epoch(sampler, 3))
        assert sorted(torch.cat(shares).tolist()) == sorted(whole.tolist())


def test_label_noise_is_of_each_class() -> None:
    """A quarter of each class's rows, or other shares; the same for a seed; rows and units agree."""
    train = split()
    noisy = LabelNoise(0.25)(train)
    changed = noisy.target != train.target
    assert torch.bincount(train.target[changed]).tolist() == [2, 16, 7]
    assert torch.equal(noisy.units[0].target, noisy.target)
    assert torch.equal(LabelNoise(0.25)(train).target, noisy.target)
    assert not torch.equal(LabelNoise(0.25, seed=1)(train).target, noisy.target)
    only = LabelNoise([0.5, 0.0, 0.0])(train)
    assert torch.bincount(train.target[only.target != train.target]).tolist() == [4]
    with pytest.raises(InputError, match="2 shares, the training split has 3 classes"):
        LabelNoise([0.1, 0.1])(train)
    with pytest.raises(InputError, match="at least 0 and below 1"):
        LabelNoise(1.0)


def test_a_patients_rows_change_their_label_together() -> None:
    """One of four patients of each class, with all rows."""
    patient = torch.arange(24) // 3
    label = torch.arange(8) // 4
    train = Split(torch.zeros(24, 1), label[patient], [Units(label, patient, "patient"), Units(label[patient])])
    noisy = LabelNoise(0.25)(train)
    assert int((noisy.units[0].target != label).sum()) == 2
    assert torch.equal(noisy.target, noisy.units[0].target[patient])
    assert torch.equal(noisy.units[1].target, noisy.target)
