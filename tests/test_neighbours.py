"""Resamplers that look at neighbours, against figures of imbalanced-learn 0.14.2, and what they leave alone."""

import pytest
import torch

from clsunbias.data import ADASYN, SMOTE, ClusterCentroids, NearMiss, Resampler, Split, TomekLinks, Units
from clsunbias.errors import InputError

SYNTHETIC = {
    "SMOTE": [[3.2498, 2.2499], [3.343, 3.343], [2.5435, 4.25], [1.4347, 1.3423]],
    "ADASYN": [[3.2499, 2.2502], [0.9477, 1.25], [0.25, 1.1032]],
}
"""imblearn.over_sampling.SMOTE(k_neighbors=3, random_state=1) and ADASYN(n_neighbors=3, random_state=1)."""


def table(minority: int = 1) -> Split:
    """Sixteen rows on a grid, six of them of one class and off it by a quarter: visits of patients."""
    number = torch.arange(16)
    target = (number % 3 == 0).long()
    x = torch.stack([number % 5, number * number % 7], 1).float() + 0.25 * target.unsqueeze(1)
    target = target if minority else 1 - target
    return Split(x, target, [Units(target, None, "visit", [f"v{index}" for index in range(16)])], {"site": number % 2})


def line(*places: float, minority: int = 3) -> Split:
    """Rows on a line, the first few of them of class 1, the smaller one."""
    target = (torch.arange(len(places)) < minority).long()
    return Split(torch.tensor(places).view(-1, 1, 1), target)


@pytest.mark.parametrize("minority", [0, 1])
@pytest.mark.parametrize("kind", [SMOTE, ADASYN])
def test_new_rows_are_those_of_the_reference(kind: type[SMOTE] | type[ADASYN], minority: int) -> None:
    """After the measured rows, of the smaller class whichever number it has, called synthetic, of its parent's site."""
    train, made = table(minority), kind(k=3, seed=1)(table(minority))
    new = torch.tensor(SYNTHETIC[kind.__name__])
    torch.testing.assert_close(made.x[16:], new, atol=1e-4, rtol=0)
    assert torch.equal(made.x[:16], train.x[:])
    assert made.target[16:].tolist() == [minority] * len(new)
    assert made.synthetic.tolist() == [False] * 16 + [True] * len(new)
    names = [f"synthetic {number}" for number in range(1, len(new) + 1)]
    assert list(made.units[0].names or ()) == [*(train.units[0].names or ()), *names]
    assert torch.equal(made.units[0].target, made.target)
    assert len(made.more["site"]) == len(made)
    assert kind(k=3, seed=2)(table()).x[16:].tolist() != made.x[16:].tolist()


def test_a_ratio_asks_for_fewer_and_none_where_none_are_wanted() -> None:
    """Six of ten are 0.6 already; 0.8 takes two more."""
    assert len(SMOTE(k=3, ratio=0.8)(table())) == 18
    train = table()
    assert SMOTE(k=3, ratio=0.6)(train) is train


def test_too_few_rows_for_the_neighbours() -> None:
    """Said with how many it takes, and what would do."""
    with pytest.raises(InputError, match="k 6 takes 7 training rows of a class, class 1 has 6: give k of at most 5"):
        SMOTE(k=6)(table())
    with pytest.raises(InputError, match=r"class 1 has 1: take data\.sampler Oversampled"):
        ADASYN(k=1)(line(0.0, 1.0, 2.0, minority=1))
    with pytest.raises(InputError, match=r"NearMiss with k 4 .* class 1 has 3"):
        NearMiss(k=4)(line(*map(float, range(8))))
    with pytest.raises(InputError, match="no row of a small class has another class's among its 1 neighbours"):
        ADASYN(k=1)(line(0.0, 1.0, 9.0, 10.0, 11.0, minority=2))
    with pytest.raises(InputError, match="missing numbers"):
        TomekLinks()(line(0.0, float("nan"), 2.0))


@pytest.mark.parametrize("make", [lambda: SMOTE(k=0), lambda: SMOTE(ratio=1.5), lambda: NearMiss(version=4)])
def test_arguments_out_of_range(make: object) -> None:
    """Refused when the resampler is made."""
    assert callable(make)
    with pytest.raises(InputError):
        make()


def test_tomek_links_lose_their_row_of_the_larger_class() -> None:
    """2.2 and 2.0 are nearest to each other; so are 8.0 and 9.0, of one class; 5.0 is nearest to nobody."""
    train = line(0.0, 2.0, 3.0, 2.2, 8.0, 9.0, 5.0)
    assert TomekLinks()(train).x[:].flatten().tolist() == [0.0, 2.0, 3.0, 8.0, 9.0, 5.0]


@pytest.mark.parametrize(("version", "kept"), [(1, [3.0, 4.0, 5.0]), (2, [3.0, 4.0, 5.0]), (3, [3.0, 4.0])])
def test_near_miss(version: int, kept: list[float]) -> None:
    """By hand with k = 2: mean distances to 0, 1, 2; version 3 has but 3 and 4, which are the nearest of each."""
    train = line(0.0, 1.0, 2.0, 20.0, 5.0, 4.0, 3.0, -6.0)
    assert sorted(NearMiss(version, k=2)(train).x[:].flatten().tolist()) == [0.0, 1.0, 2.0, *kept]


def test_centres_take_the_place_of_the_larger_class() -> None:
    """Three pairs become their three middles, made up; the smaller class stays as it was, in its shape."""
    made = ClusterCentroids()(line(0.0, 1.0, 2.0, 10.0, 11.0, 20.0, 21.0, 30.0, 31.0))
    assert made.x[:].shape == (6, 1, 1)
    assert made.x[:3].flatten().tolist() == [0.0, 1.0, 2.0]
    assert sorted(made.x[3:].flatten().tolist()) == [10.5, 20.5, 30.5]
    assert made.target.tolist() == [1, 1, 1, 0, 0, 0]
    assert made.synthetic.tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    "change",
    [SMOTE(k=2), NearMiss(k=2), ClusterCentroids(), TomekLinks()],
    ids=["smote", "near_miss", "centroids", "tomek"],
)
def test_patients_of_several_rows(change: Resampler) -> None:
    """Every row has its patient, every patient a row, and their classes agree."""
    train = line(*[0.1 * index * index for index in range(12)], minority=4)
    patient = torch.arange(12) // 2
    units = [Units(train.target[::2], patient, "patient"), Units(train.target)]
    made = change(Split(train.x, train.target, units))
    of_row = made.units[0].of_row
    assert of_row is not None
    assert torch.equal(made.units[0].target[of_row], made.target)
    assert torch.equal(torch.unique(of_row), torch.arange(len(made.units[0].target)))
