"""Optimisers beside torch's: sharpness-aware ones, which look at a step's gradient more than once, and sign descent.

Of those that run their closure more than once, the first pass of a step, at the weights as they are, is what curves
record. They need the closure in their step, so they cannot scale gradients as 16-bit floats ask for (bfloat16 can).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from clsunbias.errors import InputError

Closure = Callable[[], Any]
"""Clears the gradients, then works out the loss and its gradients at the weights as they are; returns the loss."""


class SAM(Optimizer):
    """Sharpness-aware minimisation: the base optimiser's step, with the gradient at w + ε, ε = ρ·∇L(w)/‖∇L(w)‖.

    A step costs two passes. ρ = 0 is the base optimiser. Batch normalisation's running statistics see both passes.
    Source: arXiv 2010.01412, eq. 2 and algorithm 1.

    Args:
        params: what is trained.
        lr: learning rate of the base optimiser.
        rho: ρ ≥ 0, the length of the step uphill.
        weight_decay: of the base optimiser; it has no part in ε.
        base: makes the base optimiser from parameters; lr and weight_decay are then set on it.

    Raises:
        InputError: rho is negative, infinite or not a number.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        rho: float = 0.05,
        weight_decay: float = 0.0,
        base: OptimizerCallable = torch.optim.Adam,
    ) -> None:
        if not 0 <= rho < float("inf"):
            raise InputError(f"{type(self).__name__}: rho must be a finite number of at least 0, got {rho}")
        self.rho = rho
        self.base = base(params)
        for group in self.base.param_groups:
            group["lr"] = lr
            group["weight_decay"] = weight_decay
        super().__init__(self.base.param_groups, self.base.defaults)
        # The groups and the state are the base's own, so that schedules and checkpoints reach them.
        self.param_groups, self.state = self.base.param_groups, self.base.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict(state_dict)
        self.param_groups, self.state = self.base.param_groups, self.base.state

    def parameters(self) -> list[Tensor]:
        """Those that have a gradient."""
        return [one for group in self.param_groups for one in group["params"] if one.grad is not None]

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """Steps; raises InputError where the trainer does not hand over the closure."""
        if closure is None:
            raise InputError(
                f"{type(self).__name__} looks at a step more than once, which trainer.precision 16-mixed does not let "
                "it: take bf16-mixed or 32"
            )
        with torch.enable_grad():
            loss = closure()
        self.look_uphill(closure)
        self.base.step()
        return loss

    def look_uphill(self, closure: Closure) -> None:
        """Replaces the gradients by those uphill."""
        if self.rho:
            moved = self.climb()
            with torch.enable_grad():
                closure()
            descend(moved)

    def climb(self) -> list[tuple[Tensor, Tensor]]:
        """Goes uphill by ρ along the gradients as they are; returns each parameter and what it was."""
        with_gradient = self.parameters()
        slopes = gradients(with_gradient)
        before = [(one, one.detach().clone()) for one in with_gradient]
        norm = get_total_norm(slopes)
        scale = torch.where(norm > 0, self.rho / norm, 0.0)  # on the device: no step waits for it
        for one, gradient in zip(with_gradient, slopes, strict=True):
            one.add_(gradient * scale)
        return before


def descend(before: list[tuple[Tensor, Tensor]]) -> None:
    """Puts the parameters back to what they were before the climb."""
    for one, value in before:
        one.copy_(value)


def gradients(parameters: list[Tensor]) -> list[Tensor]:
    """Copies of the gradients as they are."""
    return [torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in parameters]


class ImbSAM(SAM):
    """Imbalanced SAM: only the gradient of the tail classes is taken uphill: ∇L_head(w) + ∇L_tail(w + ε).

    ε = ρ·∇L_tail(w)/‖∇L_tail(w)‖. L_tail is what the objective's gradient has through the rows of the tail classes, so
    that it goes with any objective. Passes over the tail take only its rows forward: where they are few a step costs
    little more than SAM's first pass. A batch without them is the base optimiser's. Where rows of a batch depend on
    each other (batch normalisation) or on chance (dropout), what a pass over the tail finds is not its part of the
    first.
    Source: arXiv 2308.07815, eq. 7. Its tail are classes of fewer than 20 rows, which its code weights twofold.

    Args:
        params: what is trained.
        lr: learning rate of the base optimiser.
        rho: ρ ≥ 0, the length of the step uphill.
        weight_decay: of the base optimiser; it has no part in ε.
        base: makes the base optimiser from parameters; lr and weight_decay are then set on it.
        fewer_than: training rows of a class below which it is of the tail; None for those below the mean class.

    Raises:
        InputError: rho is negative, infinite or not a number.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        rho: float = 0.05,
        weight_decay: float = 0.0,
        base: OptimizerCallable = torch.optim.Adam,
        fewer_than: int | None = None,
    ) -> None:
        super().__init__(params, lr, rho, weight_decay, base)
        self.fewer_than = fewer_than
        self.tail: Tensor | None = None  # bool (C,)
        self.classes: Tensor | None = None
        """Which classes' rows the coming pass is of, bool ``(C,)``; None for all."""

    def setup(self, class_counts: Tensor) -> None:
        """Takes the training rows of each class, ``(C,)``; called once before training.

        Raises:
            InputError: no class is of the tail, or all are.
        """
        below = float(class_counts.float().mean()) if self.fewer_than is None else self.fewer_than
        self.tail = class_counts < below
        if self.tail.all() or not self.tail.any():
            raise InputError(
                f"ImbSAM: {'all' if self.tail.any() else 'none'} of the classes of {class_counts.tolist()} training "
                f"rows are of the tail (fewer than {below:g}); choose model.optimizer.init_args.fewer_than, or take SAM"
            )

    def look_uphill(self, closure: Closure) -> None:
        if not self.rho:
            return
        if self.tail is None:
            raise InputError("ImbSAM does not know the class counts: call its setup(class_counts) before training")
        kept = self.parameters()
        whole = gradients(kept)
        self.classes = self.tail
        try:
            with torch.enable_grad():
                closure()
            here = gradients(kept)
            super().look_uphill(closure)
        finally:
            self.classes = None
        for one, of_all, of_tail in zip(kept, whole, here, strict=True):
            one.grad = of_all - of_tail + (0 if one.grad is None else one.grad)


class Passes:
    """The passes over a training batch: the first of all rows, others of what :class:`ImbSAM` asks for."""

    def __init__(self) -> None:
        self.optimizers: list[ImbSAM] = []
        self.first = torch.empty(0)  # logits of the first pass

    def start(self, optimizers: Iterable[Optimizer], target: Tensor | None) -> None:
        """Tells those that ask for passes the classes of the training rows, int64 ``(N,)``, if they are known.

        Raises:
            InputError: they are not, or ImbSAM is not for such.
        """
        self.optimizers = [one for one in optimizers if isinstance(one, ImbSAM)]
        for one in self.optimizers:
            if one.tail is None and target is None:
                raise InputError("ImbSAM needs class counts, which plain loaders do not give: call its setup")
            if one.tail is None and target is not None:
                one.setup(torch.bincount(target))

    def logits(self, outputs: Callable[[Tensor], Tensor], batch: dict[str, Tensor]) -> Tensor:
        """Logits of a batch, with gradients through all rows, or through those of the classes of the pass alone."""
        if not self.optimizers:
            return outputs(batch["x"])
        classes = next((one.classes for one in self.optimizers if one.classes is not None), None)
        if classes is None:
            logits = outputs(batch["x"])
            self.first = logits.detach()
            return logits
        rows = classes.to(batch["target"].device)[batch["target"]].nonzero().flatten()
        return self.first.index_copy(0, rows, outputs(batch["x"][rows]).to(self.first.dtype))


class SignDescent(Optimizer):
    """Sign descent: w ← w − lr·sign(m), m ← β·m + g; with β = 0 only the gradient's sign counts.

    Source: arXiv 2402.19449, which compares it with SGD (torch.optim.SGD) and Adam under class imbalance.

    Args:
        params: what is trained.
        lr: the length of every parameter's step.
        momentum: β in [0, 1).

    Raises:
        InputError: momentum outside [0, 1).
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.0) -> None:
        if not 0 <= momentum < 1:
            raise InputError(f"SignDescent: momentum must be at least 0 and below 1, got {momentum}")
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is None:
                    continue
                moment = one.grad
                if group["momentum"]:
                    state = self.state[one]
                    moment = state.get("moment", torch.zeros_like(one)).mul_(group["momentum"]).add_(one.grad)
                    state["moment"] = moment
                one.sub_(moment.sign(), alpha=group["lr"])
        return loss
