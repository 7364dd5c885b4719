"""What cannot be done although each option by itself may: said before training starts."""

from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.callbacks import StochasticWeightAveraging
from rich.console import Console
from torch import nn

from clsunbias.errors import InputError, listed
from clsunbias.objectives import ERM, ClassWeightedERM
from clsunbias.remarks import FEW

if TYPE_CHECKING:
    from clsunbias.data import DataModule
    from clsunbias.module import Classifier

UNSCORED = {
    "overfit_batches": (0.0, "data.resample (clsunbias.data.Subsample) makes a smaller training split"),
    "limit_val_batches": (1.0, "every row is scored; trainer.check_val_every_n_epoch makes validations rarer"),
    "limit_test_batches": (1.0, "every row is scored; --withhold_test true leaves the test splits unread"),
}
"""Options of the trainer that would leave rows without a score: the value that does not, and what serves instead."""


def check_trainer(trainer: Any, model: "Classifier") -> None:
    """Raises InputError for options of the trainer that would make a run's numbers wrong or impossible.

    Args:
        trainer: options of the trainer.
        model: what it trains.
    """
    for option, (harmless, instead) in UNSCORED.items():
        value = trainer.get(option)
        if value is not None and not (isinstance(value, float) and value == harmless):  # 1 is one batch, 1.0 all
            raise InputError(f"trainer.{option} {value} is not for here: {instead}")
    if any(isinstance(callback, StochasticWeightAveraging) for callback in trainer.get("callbacks") or []):
        raise InputError(
            "StochasticWeightAveraging averages weights that no validation has seen, so that they cannot be selected: "
            "take lightning.pytorch.callbacks.EMAWeightAveraging"
        )
    if trainer.get("max_epochs") == -1 and trainer.get("max_steps") in {None, -1}:
        raise InputError("schedules follow a run's progress, so its end must be known: give max_epochs or max_steps")
    if trainer.get("accumulate_grad_batches") not in {None, 1} and not isinstance(
        model.objective, ERM | ClassWeightedERM
    ):
        raise InputError(
            f"accumulate_grad_batches averages parts of a batch, which for {model.objective.name} is another objective "
            "than that of the whole: raise data.batch_size instead"
        )


def check_batches(data: "DataModule", network: nn.Module) -> None:
    """Raises InputError if batch normalisation would meet a batch of a single row, which it cannot normalise."""
    sampler = data.train_sampler(data.splits["train"])
    single = sampler.size % sampler.batch_size == 1
    if single and any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in network.modules()):
        raise InputError(
            f"{sampler.size} rows in batches of {sampler.batch_size} leave a last batch of one row, which batch "
            "normalisation cannot take: choose another data.batch_size"
        )


def warn_of_few_to_select_by(data: "DataModule") -> None:
    """Says so if the validation split has few units of a class, whose figures then take few values and often tie."""
    target = data.splits["val"].units[0].target
    counts = dict(zip(data.class_names, torch.bincount(target, minlength=len(data.class_names)).tolist(), strict=True))
    few = {name: count for name, count in counts.items() if count < FEW}
    if few:
        shown = listed([f"{count} of {name}" for name, count in few.items()])
        Console(stderr=True).print(
            f"validation has {shown} (fewer than {FEW}): which checkpoint is selected is largely chance; "
            "selection.over_last averages validations, folds use every row",
            markup=False,
            soft_wrap=True,
        )
