"""What is random in training data: the order of rows, resampling, augmentation. Each is a function of its seed."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from lightning.pytorch import Trainer

from clsunbias.data import BreastMNIST, Split, Subclasses, Subsample, Units
from clsunbias.data.augmentation import Jitter
from clsunbias.data.samplers import BatchSampler, FullBatches, SequentialBatches, ShuffledBatches
from clsunbias.errors import InputError


def order(sampler: BatchSampler) -> list[int]:
    """All rows of an epoch, as one list."""
    return torch.cat(list(sampler)).tolist()


def shuffled(seed: int, epoch: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An epoch's order of 50 rows under a run's seed."""
    monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
    sampler = ShuffledBatches(range(50), 8)
    sampler.set_epoch(epoch)
    return order(sampler)


def test_the_order_follows_from_seed_and_epoch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Global generators and earlier epochs leave no trace, so that a resumed run goes on as it would have."""
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    sampler = ShuffledBatches(range(50), 8)
    for epoch in range(4):
        sampler.set_epoch(epoch)
        torch.manual_seed(epoch)
        whole_run = order(sampler)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    assert shuffled(3, 3, monkeypatch) == whole_run
    assert torch.equal(torch.random.get_rng_state(), before)


def test_epochs_and_seeds_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No two of a few seeds and epochs share an order."""
    orders = {tuple(shuffled(seed, epoch, monkeypatch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


@pytest.mark.parametrize(("rows", "sizes"), [(50, [8] * 6 + [2]), (48, [8] * 6), (5, [5])])
@pytest.mark.parametrize("kind", [ShuffledBatches, SequentialBatches])
def test_every_row_comes_once(
    kind: type[ShuffledBatches] | type[SequentialBatches], rows: int, sizes: list[int]
) -> None:
    """Batches of the size asked for, the last one smaller, with no row lost or padded."""
    sampler = kind(range(rows), 8)
    assert [len(batch) for batch in sampler] == sizes
    assert len(sampler) == len(sizes)
    assert sorted(order(sampler)) == list(range(rows))


def test_evaluation_keeps_the_order() -> None:
    """Sequential batches are the rows as they lie, in every epoch."""
    sampler = SequentialBatches(range(20), 6)
    sampler.set_epoch(7)
    assert order(sampler) == list(range(20))


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("kind", [ShuffledBatches, SequentialBatches])
def test_shares_partition_each_global_batch(kind: type[ShuffledBatches] | type[SequentialBatches], world: int) -> None:
    """What the processes get of a batch is, together, the batch that one process would get."""
    sampler = kind(range(29), 10)  # the last batch of 9 does not divide by 2
    sampler.set_epoch(2)
    whole = [batch.tolist() for batch in sampler]
    shares = []
    for rank in range(world):
        sampler.num_replicas, sampler.rank = world, rank
        shares.append([batch.tolist() for batch in sampler])
        assert len(sampler) == len(whole)
    assert [len(share) for share in shares] == [len(whole)] * world
    for batch, *parts in zip(whole, *shares, strict=True):
        assert sorted(row for part in parts for row in part) == sorted(batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_full_batches_come_once_and_then_n_times_an_epoch() -> None:
    """One batch in epoch 0, so that validation falls on iterations 1, 1 + n, 1 + 2n."""
    sampler = FullBatches(range(6), per_epoch=3)
    counts = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = [batch.tolist() for batch in sampler]
        assert all(batch == list(range(6)) for batch in batches)
        counts.append(len(batches))
    assert counts == [1, 3, 3]
    with pytest.raises(TypeError):  # a length would be wrong in one epoch or the other
        len(sampler)


def test_resampling_draws_exact_counts_once_each() -> None:
    """The same rows for the same seed whatever the run's, no row twice, in the order they had, with their own class."""
    target = (torch.arange(400) % 5 > 2).long()
    train = Split(torch.arange(400.0).unsqueeze(1), target)
    drawn: list[list[int]] = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(drawn))
        split = Subsample(100, 0.25, seed)(train)
        rows = split.x[:].flatten().long()
        assert torch.bincount(split.target).tolist() == [75, 25]
        assert (rows.diff() > 0).all()
        assert torch.equal(split.target, target[rows])
        assert torch.equal(split.units[0].target, split.target)
        drawn.append(rows.tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_resampling_beyond_the_data_is_refused() -> None:
    """A fraction of no mix, a class left empty, more rows than there are: each with the numbers; a third class."""
    for fraction in (0.0, 1.0, -0.2, math.nan):
        with pytest.raises(InputError, match=f"between 0 and 1, got {fraction}"):
            Subsample(100, fraction)
    with pytest.raises(InputError, match="4 samples with 10% positives leave a class without any"):
        Subsample(4, 0.1)
    train = Split(torch.zeros(10, 1), torch.tensor([0] * 7 + [1] * 3))
    with pytest.raises(InputError, match=r"asks for 4 positive samples .* the training split has 3"):
        Subsample(8, 0.5)(train)
    with pytest.raises(InputError, match="draws positives and negatives, the training split has 3 classes"):
        Subsample(4, 0.5)(Split(torch.zeros(10, 1), torch.arange(10) % 3))


def test_taken_rows_keep_their_units_and_more() -> None:
    """Rows may be named several times, and groups without a row go; the others keep their names and classes."""
    target = torch.tensor([0, 1, 0, 1, 0, 0])
    groups = Units(torch.tensor([0, 1, 0]), torch.tensor([0, 1, 2, 1, 0, 2]), "patient", ["a", "b", "c"])
    split = Split(torch.arange(6.0), target, [groups, Units(target, None, "row", list("uvwxyz"))], {"site": target + 7})
    taken = split.take(torch.tensor([3, 2, 2, 5]))
    patients, rows = taken.units
    assert taken[torch.arange(4)]["x"].tolist() == [3, 2, 2, 5]
    assert taken[torch.arange(4)]["site"].tolist() == [8, 7, 7, 7]
    assert (patients.names, patients.target.tolist()) == (["b", "c"], [1, 0])
    assert patients.of_row is not None
    assert patients.of_row.tolist() == [0, 1, 1, 1]
    assert (rows.names, rows.target.tolist(), rows.of_row) == (["x", "w", "w", "z"], [1, 0, 0, 0], None)


def test_subclasses_are_clusters_within_classes() -> None:
    """Three clouds of class 0 and two of class 1 are found, counted over all classes, whatever the order of rows."""
    cloud = torch.arange(50) % 5
    x = torch.stack([10.0 * cloud, torch.randn(50, generator=torch.Generator().manual_seed(0))], 1)
    train = Split(x, (cloud > 2).long())
    subclass = Subclasses([3, 2])(train).more["subclass"]
    pairs = set(zip(cloud.tolist(), subclass.tolist(), strict=True))
    assert len(pairs) == 5
    assert {number for one, number in pairs if one > 2} == {3, 4}
    assert torch.equal(subclass, Subclasses([3, 2])(train).more["subclass"])
    for counts in ([3, 2, 1], [3], [40, 1]):
        with pytest.raises(InputError, match=r"subclasses do not fit classes of \[30, 20"):
            Subclasses(counts)(train)


def ramp(rows: int) -> torch.Tensor:
    """Images of 29×29 whose value is the column's position, 0 to 1."""
    return torch.linspace(0, 1, 29).expand(rows, 1, 29, 29).clone()


def test_jitter_follows_from_its_seed_and_keeps_shape_and_range() -> None:
    """Same seed, same images; another seed or another row of the batch, others; the global generator is not used."""
    images = torch.rand(1, 3, 28, 28).expand(6, -1, -1, -1).contiguous()
    before = torch.random.get_rng_state()
    once, again, other = Jitter()(images, 5), Jitter()(images, 5), Jitter()(images, 6)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert len({row.numpy().tobytes() for row in once}) == 6
    assert once.shape == images.shape
    assert images.min() - 1e-6 <= once.min()
    assert once.max() <= images.max() + 1e-6


@pytest.mark.parametrize("rows", [7, 40])
def test_processes_share_one_draw(rows: int) -> None:
    """What the processes do to their shares of a batch is, together, what one process does to the whole of it."""
    images = torch.rand(rows, 1, 28, 28)
    whole = Jitter()(images, 9)
    for world in (2, 3):
        for rank in range(world):
            assert torch.equal(Jitter()(images[rank::world], 9, rank, world), whole[rank::world])


def test_each_part_of_jitter_alone() -> None:
    """Nothing at all; a flip; a shift in shares of the side; a rotation in degrees."""
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(Jitter(0, 0, 0)(images, 1), images, atol=1e-5, rtol=0)
    torch.testing.assert_close(Jitter(1, 0, 0)(images, 1), images.flip(3), atol=1e-5, rtol=0)
    moved = (Jitter(0, 0, 0.1)(ramp(200), 1) - ramp(200))[:, 0, 14, 14] * 28 / 29  # shares of the side
    assert 0.09 < moved.abs().max() <= 0.1 + 1e-5
    turned = Jitter(0, 10, 0)(ramp(200), 1)[:, 0]
    slope = (turned[:, 18, 14] - turned[:, 10, 14]) * 28 / 8  # down a column: the sine of the angle
    assert math.sin(math.radians(9)) < slope.abs().max() <= math.sin(math.radians(10)) + 1e-4
    torch.testing.assert_close(turned[:, 14, 14], torch.full((200,), 0.5))  # about the centre


def test_augmentation_is_for_training_and_repeats_by_step(medmnist_root: Path) -> None:
    """A step draws the same again after resuming, the next step and another process draw anew; evaluation does not."""
    data = BreastMNIST(medmnist_root, augment=Jitter())
    data.setup("fit")

    def augmented(training: bool, step: int, rank: int = 0) -> torch.Tensor:
        state = SimpleNamespace(training=training, global_step=step, world_size=2, global_rank=rank)
        data.trainer = cast(Trainer, state)
        return data.on_after_batch_transfer(data.splits["train"][torch.arange(4)], 0)["x"]

    assert torch.equal(augmented(True, 3), augmented(True, 3))
    draws = [augmented(False, 3), augmented(True, 3), augmented(True, 4), augmented(True, 3, rank=1)]
    assert torch.equal(draws[0], data.splits["train"].x[:4])
    assert len({draw.numpy().tobytes() for draw in draws}) == 4
