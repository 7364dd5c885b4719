"""Parts of inputs: what is taken from others and what is not, and that what was planted somewhere is found there."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from clsunbias.audit.parts import SILENCE, bands, columns, mel_bands, parts_of, places, spans
from clsunbias.audit.representation import attributes_found, silence_found, subgroups_of
from clsunbias.audit.runs import parts_found
from clsunbias.audit.scoring import Scorer
from clsunbias.data.split import Split
from clsunbias.data.units import Units
from clsunbias.module import Classifier
from clsunbias.objectives import ERM


def test_places_and_bands_of_an_image_make_up_the_whole() -> None:
    """All places together are the other image; all bands are, too, but for its mean."""
    torch.manual_seed(0)
    x, other = torch.rand(2, 3, 30, 26), torch.rand(2, 3, 30, 26)
    made = x.clone()
    for part in places(30, 26):
        assert not torch.equal(part.swap(made.clone(), other), made)
        made = part.swap(made, other)
    assert torch.equal(made, other)
    made = x
    for part in bands(30, 26):
        made = part.swap(made, other)
    means = [image.mean((2, 3), keepdim=True) for image in (made, other, x)]
    torch.testing.assert_close(made - means[0], other - means[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(means[0], means[2], atol=1e-4, rtol=0)


def test_times_and_bands_of_speech_keep_padding() -> None:
    """Frames of padding stay so, and none of another's padding comes in."""
    x, other = torch.zeros(1, 40, 8), torch.ones(1, 40, 8)
    x[:, 30:], other[:, 25:] = torch.nan, torch.nan
    for parts in (spans(40), mel_bands(8)):
        made = x.clone()
        for part in parts:
            made = part.swap(made, other)
        assert torch.equal(made[0, :25], torch.ones(25, 8))
        assert torch.equal(made[0, 25:30], torch.zeros(5, 8))
        assert made[0, 30:].isnan().all()


def test_silence_is_taken_from_silence() -> None:
    """The quietest frames become another's quietest; the others stay."""
    loud = torch.arange(20.0).reshape(1, 20, 1).expand(1, 20, 3)
    other = torch.where(loud < 4, -7.0, 50.0)
    made = SILENCE.swap(loud.clone(), other)
    assert (made[0, :4] == -7).all()
    assert torch.equal(made[0, 4:], loud[0, 4:])


def test_rare_entries_do_not_go_together_by_their_order() -> None:
    """Flags that few rows have, each by itself, are no group."""
    random = np.random.default_rng(0)
    x = torch.from_numpy((random.random((2000, 12)) < 0.03).astype(float))
    assert [part.kind for part in parts_of(x)] == ["column"] * 12


def test_columns_that_go_together_are_one_part_too() -> None:
    """By their ranks, or as levels of one text; a constant column goes with nothing."""
    random = np.random.default_rng(0)
    a = random.normal(size=500)
    levels = np.eye(3)[random.integers(0, 3, 500)]
    x = np.column_stack([a, random.normal(size=500), np.exp(a) + 0.01, levels[:, 0], levels[:, 1], np.ones(500)])
    parts = columns(torch.tensor(x), ["a", "b", "c", "site=n", "site=s", "same"])
    assert [part.name for part in parts[6:]] == ["a + c", "site=n + site=s"]
    made = parts[6].swap(torch.tensor(x), torch.zeros(500, 6, dtype=torch.float64))
    assert (made[:, [0, 2]] == 0).all()
    assert torch.equal(made[:, [1, 3, 4]], torch.tensor(x)[:, [1, 3, 4]])


def planted(kind: str, units: int = 300) -> tuple[Split, Callable[[Tensor], Tensor], str]:
    """Inputs with a sign in half of the positives, a model of it and of a sign of either class, and the part's name."""
    random = np.random.default_rng(0)
    target = np.arange(units) % 2
    sign = torch.tensor((target == 1) & (random.random(units) < 0.5)).float()
    shared = torch.tensor(2.0 * target - 1 + random.normal(size=units)).float()
    if kind == "image":
        x = torch.tensor(random.normal(size=(units, 1, 16, 16)) / 4).float()
        x[:, 0, 4:8, 8:12] += 2 * sign[:, None, None]
        x[:, 0, 12:, 12:] += shared[:, None, None]
        read = lambda x: 4 * x[:, 0, 4:8, 8:12].mean((1, 2)) - 1 + 1.5 * x[:, 0, 12:, 12:].mean((1, 2))  # noqa: E731
        return split_of(x, target), two(read), "row 2 column 3"
    x = torch.tensor(random.normal(size=(units, 24, 8)) / 4).float()
    x[:, 6:12] += 2 * sign[:, None, None]
    x[:, 18:] += shared[:, None, None]
    read = lambda x: 4 * x[:, 6:12].mean((1, 2)) - 1 + 1.5 * x[:, 18:].mean((1, 2))  # noqa: E731
    return split_of(x, target), two(read), "time span 2 of 4"


def split_of(x: Tensor, target: object) -> Split:
    """A split whose rows are the units."""
    return Split(x, torch.as_tensor(target))


def two(read: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Logits of two classes of a model's log-odds."""
    return lambda x: torch.stack([torch.zeros(len(x)), read(x)], 1)


@pytest.mark.parametrize("kind", ["image", "speech"])
def test_what_was_planted_in_one_class_is_found_where_it_is(kind: str) -> None:
    """A sign of half the positives is class-specific, one of both classes is used, other places are not."""
    split, model, name = planted(kind)
    scorer = Scorer(model, split)
    parts = [part for part in parts_of(split.x[:]) if part.kind in {"place", "time"}]
    found = {one.name: one for one in parts_found(scorer, parts, scorer.logs())}
    assert found[name].finding == "class-specific"
    assert found[name].reliance.evidence.value[0] > 0.1
    shared = "row 4 column 4" if kind == "image" else "time span 4 of 4"
    assert found[shared].finding == "used, not shown to be specific"
    others = [one for part, one in found.items() if part not in {name, shared}]
    assert {one.finding for one in others} == {"no use shown"}
    assert all(np.abs(one.reliance.evidence.value).max() < 1e-6 for one in others)


def test_units_of_several_rows_get_a_part_from_one_donor() -> None:
    """Row by row, round and round where the donor has fewer; a unit's score is the mean of its rows' probabilities."""
    of_row = torch.tensor([0, 1, 1, 0, 0, 2])
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    units = Units(torch.tensor([0, 1, 0]), of_row, "patient", ["a", "b", "c"])
    seen: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        seen.append(x.clone())
        return torch.cat([torch.zeros_like(x), x], 1)

    scorer = Scorer(model, Split(x, units.target[of_row], [units]))
    (column,) = columns(x, ["x"])
    scorer.swapped(column, np.array([[1, 2, 0]]))
    assert seen[-1][:, 0].tolist() == [2.0, 6.0, 6.0, 3.0, 2.0, 1.0]
    torch.testing.assert_close(
        torch.tensor(np.exp(scorer.logs())[1, 1]), x[1:3].double().sigmoid().mean(), check_dtype=False
    )


def test_attributes_and_silence() -> None:
    """An attribute that the features hold is found in each class, noise is not; silence that tells the label is."""
    random = np.random.default_rng(0)
    target = np.arange(240) % 2
    sex, site = random.integers(0, 2, 240), random.integers(0, 2, 240)
    x = torch.tensor(random.normal(size=(240, 5))).float()
    x[:, 0] += torch.tensor(target) * 2
    x[:, 1] += torch.tensor(sex) * 2
    groups = {
        "sex": pd.Categorical([["f", "m"][code] for code in sex]),
        "site": pd.Categorical([None if random.random() < 0.1 else ["n", "s"][code] for code in site]),
    }
    model = Classifier(nn.Linear(5, 1), ERM())
    found = attributes_found(model, split_of(x, target), groups, 2)
    assert {(one.attribute, one.group, one.label): one.decoded.p < 0.05 for one in found} == {
        **{("sex", "m", label): True for label in (0, 1)},
        **{("site", "s", label): False for label in (0, 1)},
    }
    assert all(abs(one.nearness.value) < 0.6 for one in found if one.attribute == "sex")
    prob = np.stack([1 - target * 0.8, target * 0.8], 1).clip(0.1, 0.9)
    lines = subgroups_of("m", "test", prob / prob.sum(1, keepdims=True), target, ("a", "b"), groups)
    assert {line.attribute for line in lines} == {"sex", "site"}
    frames = torch.tensor(random.normal(size=(60, 20, 4))).float() + 5
    frames[:, :4] -= 9 - 2 * (torch.arange(60) % 2)[:, None, None] * torch.tensor([1.0, -1.0, 0, 0])
    (silence,) = silence_found(split_of(frames, np.arange(60) % 2), 2)
    assert silence.quiet.auroc.value > 0.95
    assert silence.quiet.p < 0.05 < silence.loud.p
    assert silence_found(split_of(x, target), 2) == []
