"""Balanced sampling: each speaker once an iteration whatever the length of their speech, or each class alike often."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from clsunbias.data import (
    AttributeBalanced,
    ClassBalanced,
    MinorityShare,
    Phases,
    SpeakerBalanced,
    Speech,
    Split,
    Units,
)
from clsunbias.data.samplers import BatchSampler
from clsunbias.errors import InputError

SPEAKER = torch.tensor([2, 0, 1, 1, 0, 2, 1, 1, 3, 0])
LABEL = torch.tensor([0, 0, 1, 0])
COUNT = torch.bincount(SPEAKER)  # 3, 4, 2, 1


def split(headline: str = "speaker") -> Split:
    """Ten segments of four speakers, one of them positive, not in order."""
    target = LABEL[SPEAKER]
    units = [Units(LABEL, SPEAKER, "speaker"), Units(target, None, "segment")]
    return Split(torch.zeros(10, 1), target, units if headline == "speaker" else units[::-1])


def epoch(sampler: BatchSampler, number: int) -> list[Tensor]:
    """The batches of an epoch."""
    sampler.set_epoch(number)
    return list(sampler)


@pytest.mark.parametrize("headline", ["speaker", "segment"])
@pytest.mark.parametrize(("batch_size", "sizes"), [(None, [4]), (3, [3, 1]), (9, [4])])
def test_every_speaker_comes_once_an_epoch(headline: str, batch_size: int | None, sizes: list[int]) -> None:
    """In batches of the size asked for, whichever figures lead."""
    sampler = SpeakerBalanced(split(headline), batch_size)
    assert len(sampler) == len(sizes)
    for number in range(20):
        batches = epoch(sampler, number)
        assert [len(batch) for batch in batches] == sizes
        assert sorted(SPEAKER[torch.cat(batches)].tolist()) == [0, 1, 2, 3]


def test_all_segments_of_a_speaker_come_alike_often() -> None:
    """Over 4000 epochs each within five deviations of its expectation, which is what the sampler says."""
    sampler = SpeakerBalanced(split())
    found = torch.bincount(torch.cat([batch for number in range(4000) for batch in epoch(sampler, number)]))
    share = 1 / COUNT[SPEAKER]
    assert torch.equal(sampler.expected_rows(), share)
    assert ((found / 4000 - share).abs() <= 5 * (share * (1 - share) / 4000).sqrt()).all()


@pytest.mark.parametrize("kind", [SpeakerBalanced, ClassBalanced])
def test_the_order_follows_from_seed_and_epoch_alone(
    kind: type[SpeakerBalanced] | type[ClassBalanced], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither earlier epochs nor the global generator have a part in it."""
    orders = []
    for seed in range(3):
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        sampler = kind(split())
        orders.append([tuple(torch.cat(epoch(sampler, number)).tolist()) for number in range(4)])
        torch.manual_seed(seed)
        state = torch.random.get_rng_state()
        assert tuple(torch.cat(epoch(kind(split()), 3)).tolist()) == orders[-1][3]
        assert torch.equal(torch.random.get_rng_state(), state)
    assert len({order for of_seed in orders for order in of_seed}) == 12


@pytest.mark.parametrize("batch_size", [4, 3, 2])
@pytest.mark.parametrize("kind", [SpeakerBalanced, ClassBalanced])
def test_two_processes_share_each_batch(kind: type[SpeakerBalanced] | type[ClassBalanced], batch_size: int) -> None:
    """Together they take each global batch whole, without overlap."""
    shares = []
    for rank in range(2):
        sampler = kind(split(), batch_size)
        sampler.num_replicas, sampler.rank = 2, rank
        shares.append(epoch(sampler, 5))
    for whole, first, second in zip(epoch(kind(split(), batch_size), 5), *shares, strict=True):
        assert abs(len(first) - len(second)) <= 1
        assert sorted([*first.tolist(), *second.tolist()]) == sorted(whole.tolist())


def test_classes_come_alike_often() -> None:
    """As many draws an epoch as rows, half of them of the class that has two of ten rows."""
    sampler = ClassBalanced(split(), 4)
    assert [len(batch) for batch in epoch(sampler, 0)] == [4, 4, 2]
    found = torch.cat([batch for number in range(400) for batch in epoch(sampler, number)])
    expected = torch.where(LABEL[SPEAKER] == 1, 5 / 2, 5 / 8)
    torch.testing.assert_close(sampler.expected_rows().float(), expected)
    torch.testing.assert_close(torch.bincount(found) / 400, expected, atol=0.25, rtol=0)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_speakers_are_drawn_as_another_sampler_does(batch_size: int | None) -> None:
    """Half of the draws are of the one speaker of her class; each gives all segments alike often; processes share."""
    sampler = SpeakerBalanced(split(), batch_size, ClassBalanced)
    assert [len(batch) for batch in epoch(sampler, 0)] == ([4] if batch_size is None else [3, 1])
    found = torch.cat([batch for number in range(2000) for batch in epoch(sampler, number)])
    expected = torch.where(LABEL == 1, 2.0, 2 / 3)[SPEAKER] / COUNT[SPEAKER]
    torch.testing.assert_close(sampler.expected_rows().float(), expected)
    torch.testing.assert_close(torch.bincount(found) / 2000, expected, atol=0.06, rtol=0)
    shares = []
    for rank in range(2):
        other = SpeakerBalanced(split(), batch_size, ClassBalanced)
        other.num_replicas, other.rank = 2, rank
        shares.append(epoch(other, 7))
    for whole, first, second in zip(epoch(sampler, 7), *shares, strict=True):
        assert sorted([*first.tolist(), *second.tolist()]) == sorted(whole.tolist())


def test_speakers_are_drawn_by_what_is_known_of_them() -> None:
    """An attribute of theirs, and a schedule that knows how far the run is."""
    rows = split()
    rows.more["group"] = torch.tensor([0, 1, 1, 0])[SPEAKER]
    with pytest.raises(InputError, match="no training row of class 1 has value 0 of group"):
        SpeakerBalanced(rows, None, AttributeBalanced)
    late: list[Callable[[Split, int | None], BatchSampler]] = [
        ClassBalanced,
        lambda of, size: MinorityShare(of, size, 0.99),
    ]
    sampler = SpeakerBalanced(rows, None, lambda of, size: Phases(of, size, late, [0.0, 0.5]))
    sampler.epochs = 400
    shares = [SPEAKER[torch.cat(epoch(sampler, number))] == 2 for number in range(400)]
    assert torch.cat(shares[:200]).float().mean() < 0.6 < 0.95 < torch.cat(shares[200:]).float().mean()


def test_class_counts_are_those_of_an_epoch() -> None:
    """What class-weighted objectives divide by: speakers, each class half of as many, or rows."""
    for sampler, counts in ((SpeakerBalanced, [3, 1]), (ClassBalanced, [2, 2]), (None, [8, 2])):
        data = Speech("made_up", sampler=sampler)
        data.class_names, data.splits = ("a", "b"), {"train": split()}
        torch.testing.assert_close(data.class_counts, torch.tensor(counts, dtype=torch.float32))


def test_what_cannot_be_balanced() -> None:
    """Rows without speakers."""
    with pytest.raises(InputError, match="rows that belong to speakers or patients; here each row stands alone"):
        SpeakerBalanced(Split(torch.zeros(4, 1), LABEL))
