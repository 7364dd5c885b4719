"""Refits that scale each class's logit."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.refits.base import HeadRefit, Linear, train_features


def check_own_logits(own: Linear, name: str) -> None:
    """Raises InputError for a layer of one logit, whose classes have no weights of their own."""
    if len(own.weight) < 2:
        raise InputError(
            f"{name} scales each class's own weights; a network of one logit has but one set: train the first run with "
            "a logit for each class (model.network.init_args.outputs 2)"
        )


class TauNorm(HeadRefit):
    """τ-normalised classifier: z_c / ‖w_c‖^τ, which takes away what large classes gain by large weights.

    The bias is scaled with its weights, so that τ = 0 is the run itself. Source: arXiv 1910.09217, section 4.2.

    Args:
        taus: the values of τ ≥ 0 to try, an epoch each; validation selects.

    Raises:
        InputError: no values, or one that is negative or no number.
    """

    def __init__(self, taus: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)) -> None:
        if not taus or not all(0 <= tau <= 100 for tau in taus):
            raise InputError(f"TauNorm: taus must be numbers of at least 0, got {list(taus)}")
        self.taus = taus

    def layers(self, own: Linear, rows: Split, network: nn.Module) -> Iterator[Linear]:
        check_own_logits(own, "TauNorm")
        norms = own.weight.norm(dim=1).clamp(min=1e-12)
        for tau in self.taus:
            scale = norms**-tau
            yield Linear(own.weight * scale.unsqueeze(1), own.bias * scale)


class WeightAligned(HeadRefit):
    """Weight aligning: the weights of small classes get the mean norm of the others', by one common factor.

    Small are the classes of fewer training rows than the mean; w ← w·(mean ‖w_large‖ / mean ‖w_small‖).
    Source: arXiv 1911.07053, eqs. 8 and 9, which scales the large classes, its new ones, down by the inverse: without a
    bias, as there, that decides the same.
    """

    def layers(self, own: Linear, rows: Split, network: nn.Module) -> Iterator[Linear]:
        check_own_logits(own, "WeightAligned")
        counts = torch.bincount(rows.target, minlength=len(own.weight)).double()
        small = counts < counts.mean()
        if not small.any():
            raise InputError("WeightAligned: all classes have as many training rows, there is nothing to align")
        norms = own.weight.norm(dim=1)
        scale = torch.where(small, norms[~small].mean() / norms[small].mean().clamp(min=1e-12), 1.0)
        yield Linear(own.weight * scale.unsqueeze(1), own.bias)


class LearnedScale(HeadRefit):
    """Learnable weight scaling: s_c·z_c, with the least class-balanced cross-entropy on training rows.

    To it penalty·Σ_c (s_c − 1)² is added. All else is kept as it is; s = 1 is the run itself. The problem is convex,
    and solved rather than trained. Training rows that the network tells apart without fail would have scales without
    end: hence a penalty.
    Source: arXiv 1910.09217, section 4.2, which draws balanced batches and stops after some epochs.

    Args:
        penalties: the values to try, each above 0, an epoch each; validation selects.

    Raises:
        InputError: no values, or one that is not above 0.
    """

    def __init__(self, penalties: Sequence[float] = (1.0, 0.1, 0.01, 0.001)) -> None:
        if not penalties or not all(0 < penalty < math.inf for penalty in penalties):
            raise InputError(f"LearnedScale: penalties must be numbers above 0, got {list(penalties)}")
        self.penalties = penalties

    def layers(self, own: Linear, rows: Split, network: nn.Module) -> Iterator[Linear]:
        check_own_logits(own, "LearnedScale")
        features, target = train_features(network, rows)
        logits = features @ own.weight.T + own.bias
        weights = 1 / torch.bincount(target, minlength=len(own.weight)).double()
        for penalty in self.penalties:
            scale = self.scale(logits, target, weights, penalty)
            yield Linear(own.weight * scale.unsqueeze(1), own.bias * scale)

    def scale(self, logits: Tensor, target: Tensor, weights: Tensor, penalty: float) -> Tensor:
        """The scales ``(C,)`` with a penalty, from logits ``(N, C)`` of rows and the weights ``(C,)`` of classes."""
        scale = torch.ones(len(weights), dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [scale], max_iter=200, tolerance_grad=1e-9, tolerance_change=1e-12, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(scale * logits, target, weights) + penalty * (scale - 1).square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return scale.detach()
