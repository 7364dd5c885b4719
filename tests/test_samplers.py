"""Orders of training rows: functions of seed and epoch, shared out among processes without overlap."""

import pytest
import torch

from clsunbias.data.samplers import BatchSampler, FullBatches, SequentialBatches, ShuffledBatches


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
        assert sorted(sum(parts, [])) == sorted(batch)
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
