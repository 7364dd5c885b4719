"""The objective's interface: what training minimises, and what else it says of itself."""

from abc import ABC, abstractmethod
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.names import snake_case
from clsunbias.objectives.class_risks import ClassRisks, class_risks
from clsunbias.objectives.sample_losses import CrossEntropy, SampleLoss, cross_entropy


def widen(logits: Tensor) -> Tensor:
    """A single logit z, ``(B, 1)`` or ``(B,)``, as (0, z): softmax of that is exactly (1 − σ(z), σ(z))."""
    if logits.ndim == 1:
        logits = logits.unsqueeze(1)
    return F.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits


class Objective(nn.Module, ABC):
    """Turns logits and targets into the scalar that training minimises.

    A subclass gives :meth:`loss`. One that only combines class risks derives from :class:`ClassRiskObjective`.

    Attributes:
        annealable: names of the float attributes that a schedule may move during training; they are logged.
        needs: keys of the batch that :meth:`loss` takes beside logits and target, such as ``row``; or of what a network
            has beside logits (:data:`clsunbias.networks.parts.SEEN`), such as ``features``.
        rows_of_class: rows of each class that a batch must be expected to hold, for there to be pairs.
        in_order: whether more than two classes must be grades, each more than the one before.
    """

    annealable: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    rows_of_class: ClassVar[int] = 0
    in_order: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The class's name in snake case."""
        return snake_case(type(self).__name__)

    def setup(self, class_counts: Tensor) -> None:
        """Takes the class counts of the training split; called once before training.

        Args:
            class_counts: ``(C,)``, C ≥ 2: training rows of each class, or as many as the sampler is expected to draw.

        Raises:
            InputError: a class has no training sample, or there are fewer than two classes.
        """
        if class_counts.ndim != 1 or len(class_counts) < 2:
            raise InputError(f"class_counts must be a vector of two or more classes, got {class_counts.tolist()}")
        empty = (class_counts <= 0).nonzero().flatten().tolist()
        if empty:
            raise InputError(
                f"the training split has no sample of class {', '.join(map(str, empty))} "
                f"(counts {class_counts.tolist()}); every class needs at least one"
            )

    def annealed(self) -> dict[str, float]:
        """The numbers that schedules may move as they are now, by name; those of a part as ``part.name``."""
        return {name: getattr(owner, name.rpartition(".")[2]) for name, owner in self.annealed_by().items()}

    def annealed_by(self) -> dict[str, nn.Module]:
        """The module that each of these numbers is an attribute of: the objective, or a part of it."""
        return {
            f"{path}.{name}" if path else name: module
            for path, module in self.named_modules()
            for name in getattr(module, "annealable", ())
        }

    def outputs(self, num_classes: int) -> int:
        """How many logits a network must give for C classes."""
        return num_classes

    def class_logits(self, logits: Tensor) -> Tensor:
        """Logits of the classes ``(B, C)`` from those of the network: what is scored, predicted and exported."""
        return logits

    def training_batch(self, batch: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
        """What the network gets of a training batch, by key; the batch itself unless a subclass makes views of it.

        Args:
            batch: ``x``, ``target`` and what else a data set says of rows.
            seed: of what is drawn for it: another in each step, and in each process.
        """
        return batch

    def watched(self) -> dict[str, float]:
        """Figures of the last step that curves show beside the losses, by name."""
        return {}

    @abstractmethod
    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        """The scalar to minimise, over the batch of all processes (see :mod:`clsunbias.distributed`).

        Args:
            logits: ``(B, K)``, K as :meth:`outputs` says.
            target: int64 ``(B,)``.
            more: what it ``needs``, ``(B, …)`` each.
        """

    def forward(self, logits: Tensor, target: Tensor, **more: Tensor) -> dict[str, Tensor]:
        """Evaluates the objective on one batch.

        Args:
            logits: ``(B, K)``, K as :meth:`outputs` says; for two classes also one, ``(B, 1)`` or ``(B,)``.
            target: int64 ``(B,)``.
            more: what it ``needs``.

        Returns:
            ``loss``: float32 scalar to minimise; ``class_loss_sums`` and ``class_counts``: detached ``(C,)``, from
            which exact class losses over many batches can be formed. Those are always the cross-entropy of the class
            logits, so that curves of different objectives compare.
        """
        logits = widen(logits)
        with torch.no_grad():
            class_logits = self.class_logits(logits)
            risks = class_risks(cross_entropy(class_logits, target), target, class_logits.shape[1])
        return {"loss": self.loss(logits, target, **more), "class_loss_sums": risks.sums, "class_counts": risks.counts}

    def __call__(self, logits: Tensor, target: Tensor, **more: Tensor) -> dict[str, Tensor]:  # typed pass-through
        return cast(dict[str, Tensor], super().__call__(logits, target, **more))


class ClassRiskObjective(Objective):
    """An objective that is a function of the class risks: the mean of a sample loss over each class of the batch.

    A subclass says how they combine (:meth:`combine`); any sample loss goes with any of them.

    Args:
        sample_loss: the loss of each sample; default cross-entropy.
    """

    def __init__(self, sample_loss: SampleLoss | None = None) -> None:
        super().__init__()
        self.sample_loss = sample_loss or CrossEntropy()

    @property
    def name(self) -> str:
        plain = type(self.sample_loss) is CrossEntropy
        return super().name if plain else f"{super().name}_{snake_case(type(self.sample_loss).__name__)}"

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self.sample_loss.setup(class_counts)

    def class_logits(self, logits: Tensor) -> Tensor:
        return self.sample_loss.class_logits(logits)

    @abstractmethod
    def combine(self, risks: ClassRisks) -> Tensor:
        """The scalar objective as a function of the class risks."""

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        return self.combine(class_risks(self.sample_loss(logits, target), target, logits.shape[1]))

    def forward(self, logits: Tensor, target: Tensor, **more: Tensor) -> dict[str, Tensor]:
        if type(self.sample_loss) is not CrossEntropy or type(self).loss is not ClassRiskObjective.loss:
            return super().forward(logits, target, **more)
        # The loss and the curves are of the same losses, which are formed once.
        logits = widen(logits)
        risks = class_risks(self.sample_loss(logits, target), target, logits.shape[1])
        return {
            "loss": self.combine(risks),
            "class_loss_sums": risks.sums.detach(),
            "class_counts": risks.counts,
        }
