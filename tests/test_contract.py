"""The contract of every objective: shipped ones, every pair of a sample loss and a combination, and a user's own.

A class of one's own is tested by the same contract with one line: ``check_contract(MyObjective)``.
"""

import inspect
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import clsunbias.objectives
from clsunbias.networks.parts import LAST_WEIGHT, SEEN
from clsunbias.objectives import (
    ERM,
    APLoss,
    AuxiliaryGrade,
    ClassRiskObjective,
    ClassWeightedERM,
    ClsUnbias,
    CountedLoss,
    DiverseExperts,
    Focal,
    GroupDRO,
    Objective,
    PerClassERM,
    Regrouped,
    RepresentationObjective,
    SampleLoss,
    widen,
)
from clsunbias.objectives.added import AddedObjective


def shipped(kind: type[Any]) -> list[type[Any]]:
    """Every class of a kind that can be made, as the package offers them."""
    public = [getattr(clsunbias.objectives, name) for name in clsunbias.objectives.__all__]
    return [one for one in public if inspect.isclass(one) and issubclass(one, kind) and not inspect.isabstract(one)]


ABSTRACT = {AddedObjective, ClassRiskObjective, RepresentationObjective, CountedLoss}
COMBINATIONS: list[type[ClassRiskObjective]] = shipped(ClassRiskObjective)


class Margin(SampleLoss):
    """What a user may write, after LDAM (arXiv 1906.07413): scaled cross-entropy with a margin ∝ N_y^(−1/4) on z_y."""

    margins: Tensor

    def __init__(self, largest: float = 0.5, scale: float = 3.0) -> None:
        super().__init__()
        self.largest, self.scale = largest, scale
        self.register_buffer("margins", torch.empty(0), persistent=False)

    def setup(self, class_counts: Tensor) -> None:
        shares = class_counts.double() ** -0.25
        self.margins = (self.largest * shares / shares.max()).to(self.margins)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        own = F.one_hot(target, logits.shape[1]) * self.margins[target].unsqueeze(1)
        return F.cross_entropy(self.scale * (logits.float() - own), target, reduction="none")


SAMPLE_LOSSES: list[Callable[[], SampleLoss]] = [Margin, *shipped(SampleLoss)]
PAIRS = [partial(kind, sample_loss=loss()) for kind, loss in itertools.product(COMBINATIONS, SAMPLE_LOSSES)]
MORE: list[type[Objective]] = [AuxiliaryGrade, DiverseExperts]
"""Objectives for which a network has more outputs than there are classes, of two classes as well."""
OTHERS: list[Callable[[], Objective]] = [
    kind for kind in shipped(Objective) if kind not in {Regrouped, *MORE} and kind not in COMBINATIONS
]
SHIPPED: list[Callable[[], Objective]] = [*PAIRS, *OTHERS]
EVERY: list[Callable[[], Objective] | str] = [*SHIPPED, *MORE, "regrouped"]
SUBCLASSES = {2: [1, 3], 5: [1, 1, 1, 2, 3]}


def made(make: Callable[[], Objective] | str, classes: int) -> Objective:
    """An objective, set up; one that is made for a number of classes goes by its name.

    In evaluation mode: what draws at random, or goes on from step to step, does so in training alone.
    """
    objective = Regrouped(SUBCLASSES[classes]) if isinstance(make, str) else make()
    objective.setup(torch.arange(1, classes + 1))
    return objective.eval()


def batch(objective: Objective, classes: int, absent: bool, seed: int = 0) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Logits, targets and what else is needed of 24 rows, with every class but, if asked, class 1."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.arange(24) - 6).clamp(min=0) % classes
    target[target == 1] = 0 if absent else 1
    target = target[torch.randperm(24, generator=generator)]
    likelihood = torch.rand(24, generator=generator)
    more = {"likelihood": likelihood, "group": torch.arange(24) % 3, "grade": target - likelihood}
    more["row"] = torch.arange(24) % 12
    more = {name: values for name, values in more.items() if name in objective.needs}
    if "subclass" in objective.needs:
        first = torch.tensor([0, *SUBCLASSES[classes]]).cumsum(0)
        sizes = torch.tensor(SUBCLASSES[classes])
        more["subclass"] = first[target] + torch.arange(24) % sizes[target]
    logits = 2 * torch.randn(24, objective.outputs(classes), generator=generator)
    return logits, target, more


def seen(objective: Objective, logits: Tensor) -> dict[str, Tensor]:
    """What an objective needs of a network: features that follow from the logits, weights that are always the same."""
    scores = widen(logits).float()
    features = torch.cat([scores, scores.cos()], 1)
    size = scores.shape[1], features.shape[1]
    weight = torch.linspace(-1, 1, size[0] * size[1], device=scores.device).view(size)
    return {name: weight if name == LAST_WEIGHT else features for name in objective.needs if name in SEEN}


def evaluate(objective: Objective, logits: Tensor, target: Tensor, **more: Tensor) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits, of which what else it needs of a network is made here."""
    logits = logits.detach().requires_grad_()
    loss = objective(logits, target, **more, **seen(objective, logits))["loss"]
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def check_contract(make: Callable[[], Objective] | str) -> None:
    """Holds an objective to what training relies on, for two and five classes, a class absent or none.

    A finite float32 scalar with a finite gradient, not 0 where every class is there, in single precision, also of large
    logits, in bfloat16 and under autocast; the same for any order of the rows, and after its state was loaded into
    another; curves that are the cross-entropy of its class logits; class logits of the number of classes.
    """
    for classes, absent, precision in itertools.product((2, 5), (False, True), ("float32", "bfloat16", "autocast")):
        objective, fresh = made(make, classes), made(make, classes)
        fresh.load_state_dict(objective.state_dict())
        logits, target, more = batch(objective, classes, absent)
        order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
            logits = logits.bfloat16() if precision == "bfloat16" else F.linear(logits, torch.eye(logits.shape[1]))
            assert logits.dtype == (torch.float32 if precision == "float32" else torch.bfloat16)
            loss, gradient = evaluate(objective, logits, target, **more)
            reordered = {name: values[order] for name, values in more.items()}
            again = evaluate(fresh, logits[order], target[order], **reordered)
        assert (loss.dtype, loss.shape) == (torch.float32, ())
        assert loss.isfinite() & gradient.isfinite().all()
        assert gradient.any() or absent
        torch.testing.assert_close(again, (loss, gradient[order]))
        if precision == "float32":  # far out, where probabilities are 0 and 1 to rounding
            assert all(found.isfinite().all() for found in evaluate(objective, 100 * logits, target, **more))
        single = evaluate(objective, logits.float(), target, **more)[0]
        assert torch.equal(loss, single)  # nothing is rounded after the logits
        result = objective(logits.float(), target, **more, **seen(objective, logits))
        class_logits = objective.class_logits(logits.float())
        assert class_logits.shape == (24, classes)
        losses = F.cross_entropy(class_logits, target, reduction="none")
        torch.testing.assert_close(result["class_loss_sums"], torch.bincount(target, losses, minlength=classes))
        torch.testing.assert_close(result["class_counts"], torch.bincount(target, minlength=classes).float())
        assert not result["class_loss_sums"].requires_grad


def label(make: Callable[[], Objective] | str) -> str:
    """Name of a case."""
    return make if isinstance(make, str) else make().name


@pytest.mark.parametrize("make", EVERY, ids=label)
def test_contract(make: Callable[[], Objective] | str) -> None:
    """Every objective, and every sample loss with every combination of class risks."""
    check_contract(make)


def test_no_shipped_class_is_left_out() -> None:
    """What the package's modules define, it offers: so it is tested here."""
    defined, waiting = set(), [Objective, SampleLoss]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("clsunbias.") and not kind.__name__.startswith("_"):
                defined.add(kind)
    assert defined <= {*shipped(Objective), *shipped(SampleLoss), *ABSTRACT}
    assert {ERM, APLoss, Regrouped, Focal} <= defined


@pytest.mark.parametrize("shape", [(24,), (24, 1)])
@pytest.mark.parametrize("make", SHIPPED, ids=label)
def test_a_single_logit_is_two(make: Callable[[], Objective], shape: tuple[int, ...]) -> None:
    """A binary model's one logit, with or without a dimension of its own, counts as (0, z) in every objective."""
    objective = made(make, 2)
    logits, target, more = batch(objective, 2, absent=False)
    z = logits[:, 1]
    loss, gradient = evaluate(objective, z.reshape(shape), target, **more)
    expected, slope = evaluate(objective, widen(z), target, **more)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient.flatten(), slope[:, 1])


def test_names_tell_pairs_apart() -> None:
    """The name that folders and tables show holds the sample loss, but for cross-entropy."""
    assert [ERM().name, ERM(Focal()).name, GroupDRO(sample_loss=Margin()).name] == [
        "erm",
        "erm_focal",
        "group_dro_margin",
    ]
    kinds: list[type[ClassRiskObjective]] = [ClassWeightedERM, PerClassERM, ClsUnbias]
    assert [kind().name for kind in kinds] == ["class_weighted_erm", "per_class_erm", "cls_unbias"]
    assert APLoss().name == "ap_loss"
