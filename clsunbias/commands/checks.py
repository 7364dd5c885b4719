"""What cannot be done although each option by itself may: said before training starts."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from joblib import cpu_count
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging
from torch import Tensor, nn

from clsunbias.data.bags import Bags
from clsunbias.errors import InputError, listed, shortened
from clsunbias.objectives import ERM, ClassWeightedERM, SelfSupervised
from clsunbias.optimizers import SAM, ImbSAM
from clsunbias.remarks import FEW
from clsunbias.terminal import note

if TYPE_CHECKING:
    from clsunbias.data import DataModule, Split
    from clsunbias.module import Classifier

UNSCORED = {
    "overfit_batches": (0.0, "data.resample (clsunbias.data.Subsample) makes a smaller training split"),
    "limit_train_batches": (1.0, "data.resample (clsunbias.data.Subsample) makes a smaller training split"),
    "limit_val_batches": (1.0, "every row is scored; trainer.check_val_every_n_epoch makes validations rarer"),
    "limit_test_batches": (1.0, "every row is scored; --withhold_test true leaves the test splits unread"),
    "limit_predict_batches": (1.0, "every row of the input is scored; give less of it"),
}
"""Options of the trainer that would leave rows out: the value that does not, and what serves instead."""

LEAST = {"max_epochs": 1, "max_steps": 1, "check_val_every_n_epoch": 1, "val_check_interval": 0.0}
"""Options of the trainer without which nothing would be trained or validated, and the least value of each."""


def is_mapping(value: Any) -> bool:
    """Whether an option's value is a section of options."""
    return isinstance(value, Mapping) or hasattr(value, "as_dict")


SECTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "trainer": (is_mapping, "a section of the trainer's options, such as {max_epochs: 10}"),
    "anneal": (is_mapping, "a section; to anneal nothing, set anneal.lam and anneal.tau to null"),
    "selection": (is_mapping, "a rule, such as clsunbias.selection.Best"),
    "trainer.gradient_clip_val": (
        lambda value: value is None or 0 <= value < math.inf,
        "a bound on the gradient, at least 0; null leaves it as it is",
    ),
    "trainer.accumulate_grad_batches": (lambda value: value >= 1, "a number of batches, at least 1"),
    "trainer.log_every_n_steps": (lambda value: value is None or value >= 0, "a number of steps, at least 0"),
    "trainer.num_sanity_val_steps": (lambda value: value is None or value >= -1, "a number of batches; -1 is all"),
    "trainer.min_epochs": (lambda value: value is None or value >= 0, "a number of epochs, at least 0"),
    "trainer.min_steps": (lambda value: value is None or value >= 0, "a number of steps, at least 0"),
    "trainer.num_nodes": (lambda value: value >= 1, "a number of machines, at least 1"),
    "model.optimizer": (lambda value: value is not None, "an optimiser, such as torch.optim.Adam"),
    "seed_everything": (
        lambda value: type(value) is int and 0 <= value < 2**32,
        f"a number from 0 to {2**32 - 1}, so that a run repeats",
    ),
    "freeze": (lambda value: value is not None, "parts of the network; for none, []"),
    "fresh": (lambda value: value is not None, "parts of the network; for none, []"),
    "withhold_test": (lambda value: value is not None, "true or false"),
    "save_every": (lambda value: value is not None and 0 <= value < math.inf, "seconds, at least 0"),
}
"""Options of a run that the parser lets through as null or as something else: what they must be, and in words."""


def check_whole_numbers(config: Mapping[str, Any]) -> None:
    """Raises InputError for a whole number that does not fit into 64 bits, which no size or count can be.

    Args:
        config: values by their dotted names.
    """
    for name, value in config.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InputError(f"{name} is {shortened(value)}, more than 64 bits hold; give a smaller number")


def check_sections(option: Callable[[str], Any]) -> None:
    """Raises InputError for options that are nothing that a run could be made of.

    Args:
        option: gives the value of an option by its name.
    """
    for name, (is_right, needed) in SECTIONS.items():
        if not is_right(value := option(name)):
            raise InputError(f"{name} must be {needed}; got {'null' if value is None else value}")


def check_trainer_options(trainer: Any) -> None:
    """Raises InputError for options of the trainer that would leave out rows, or the training itself."""
    for option, (harmless, instead) in UNSCORED.items():
        value = trainer.get(option)
        if value is not None and not (isinstance(value, float) and value == harmless):  # 1 is one batch, 1.0 all
            raise InputError(f"trainer.{option} {value} is not for here: {instead}")
    for option, least in LEAST.items():
        value = trainer.get(option)
        endless = value == -1 and option.startswith("max_")
        if isinstance(value, int | float) and not endless and (value < least or value == 0):
            raise InputError(f"trainer.{option} {value} would train or validate nothing; give more, or leave it out")
    for unit in ("epochs", "steps"):
        least, most = trainer.get(f"min_{unit}"), trainer.get(f"max_{unit}")
        if least and most and 0 < most < least:
            raise InputError(
                f"trainer.min_{unit} {least} is more than trainer.max_{unit} {most}: leave one of them out"
            )
    if trainer.get("max_epochs") == -1 and trainer.get("max_steps") in {None, -1}:
        raise InputError("schedules follow a run's progress, so its end must be known: give max_epochs or max_steps")


def check_processes(devices: int, accelerator: str) -> None:
    """Raises InputError for more processes than a machine without accelerators can run side by side."""
    if accelerator == "CPUAccelerator" and devices > 2 * cpu_count():
        raise InputError(f"trainer.devices {devices}: this machine has {cpu_count()} cores, and no accelerator is used")


def check_trainer(trainer: Any, model: "Classifier") -> None:
    """Raises InputError for options of the trainer that would make a run's numbers wrong or impossible.

    Args:
        trainer: options of the trainer.
        model: what it trains.
    """
    if any(isinstance(callback, StochasticWeightAveraging) for callback in trainer.get("callbacks") or []):
        raise InputError(
            "StochasticWeightAveraging averages weights that no validation has seen, so that they cannot be selected: "
            "take lightning.pytorch.callbacks.EMAWeightAveraging"
        )
    if trainer.get("accumulate_grad_batches") not in {None, 1} and not isinstance(
        model.objective, ERM | ClassWeightedERM
    ):
        raise InputError(
            f"accumulate_grad_batches averages parts of a batch, which for {model.objective.name} is another objective "
            "than that of the whole: raise data.batch_size instead"
        )


def check_batches(data: "DataModule", model: "Classifier") -> None:
    """Raises InputError for training batches that the network or the objective can make nothing of.

    Batch normalisation cannot take a batch of a single row, an objective of pairs needs some, views are of rows.
    """
    if isinstance(model.objective, SelfSupervised) and isinstance(data.splits["train"].x, Bags):
        started = "a network with attention can start from its run (--fresh '[head, attention]')"
        raise InputError(f"{model.objective.name} makes views of single segments: leave data.bag out; {started}")
    sampler = data.train_sampler(data.splits["train"])
    single = sampler.size % sampler.batch_size == 1
    if single and any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.network.modules()):
        raise InputError(
            f"{sampler.size} rows in batches of {sampler.batch_size} leave a last batch of one row, which batch "
            "normalisation cannot take: choose another data.batch_size"
        )
    shares = data.class_counts / data.class_counts.sum()
    rows = min(sampler.batch_size, sampler.size) * float(shares.min())
    if rows < model.objective.rows_of_class:
        raise InputError(
            f"{model.objective.name} compares rows within a batch; one of {sampler.batch_size} has {rows:.2g} of class "
            f"{data.class_names[int(shares.argmin())]!r} on average, fewer than {model.objective.rows_of_class}: raise "
            "data.batch_size, or set data.sampler to clsunbias.data.ClassBalanced"
        )


def check_validations(trainer: Any, data: "DataModule") -> None:
    """Raises InputError if a run would end before its first validation, or none would take place in an epoch.

    Args:
        trainer: options of the trainer.
        data: what it trains on.
    """
    every, interval, epochs = (
        trainer.get(name) for name in ("check_val_every_n_epoch", "val_check_interval", "max_epochs")
    )
    if every and epochs and 0 < epochs < every:
        raise InputError(
            f"trainer.check_val_every_n_epoch {every} leaves a run of {epochs} epochs without a validation to select by"
        )
    if not every or not isinstance(interval, int):
        return
    try:
        batches = len(data.train_dataloader())
    except TypeError:  # epochs that differ in length have none
        return
    if interval > batches:
        raise InputError(
            f"trainer.val_check_interval {interval} is more than the {batches} batches of an epoch: give less, or "
            "count over epochs with trainer.check_val_every_n_epoch null"
        )


def check_optimizer(model: "Classifier", class_counts: Tensor, trainer: Any) -> None:
    """Raises InputError for an optimiser that cannot be made or used so, or a learning rate that teaches nothing.

    Args:
        model: what it trains.
        class_counts: ``(C,)``, training rows of each class.
        trainer: options of the trainer.
    """
    try:
        optimizer = model.configure_optimizers()
        if isinstance(optimizer, ImbSAM):
            optimizer.setup(class_counts)
        rates = [float(group["lr"]) for group in getattr(optimizer, "param_groups", [])]
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"model.optimizer cannot be made so: {error}") from error
    if isinstance(optimizer, SAM):
        name = type(optimizer).__name__
        if trainer.get("accumulate_grad_batches") not in {None, 1}:
            raise InputError(
                f"{name} takes each batch for itself: instead of accumulate_grad_batches raise data.batch_size"
            )
        if str(trainer.get("precision")) in {"16", "16-mixed"}:
            raise InputError(f"{name} looks at a batch twice, which 16-mixed does not let it: take bf16-mixed")
    if wrong := [rate for rate in rates if not 0 < rate < math.inf]:
        raise InputError(f"the learning rate must be a number above 0, got {wrong[0]:g}")


def check_refit(model: "Classifier", splits: Mapping[str, "Split"], trainer: Trainer, has_start: bool) -> None:
    """Works out what a refit tries; raises InputError if that cannot be done, or not all of it would be tried.

    Args:
        model: with the weights that it starts from.
        splits: those of the data.
        trainer: of the run.
        has_start: whether those weights are another run's.
    """
    if model.refit is None:
        return
    name = type(model.refit).__name__
    if model.refit.needs_start and not has_start:
        raise InputError(f"{name} changes the weights of a finished run: name it with --init_from")
    if trainer.world_size > 1:
        raise InputError(f"{name} trains nothing that processes could share: take trainer.devices 1")
    model.refit.find(model.network, splits[model.refit.split])
    tried = model.refit.found
    if not all(bool(value.isfinite().all()) for weights in tried for value in weights.values()):
        raise InputError(f"{name} leads to weights that are no finite numbers; choose other settings of it")
    if 0 < (trainer.max_epochs or 0) < len(tried):
        raise InputError(
            f"{name} tries {len(tried)} sets of weights, an epoch each: with trainer.max_epochs "
            f"{trainer.max_epochs} not all would be tried"
        )


def warn_of_few_to_select_by(data: "DataModule") -> None:
    """Says so if the validation split has few units of a class, whose figures then take few values and often tie."""
    target = data.splits["val"].units[0].target
    counts = dict(zip(data.class_names, torch.bincount(target, minlength=len(data.class_names)).tolist(), strict=True))
    few = {name: count for name, count in counts.items() if count < FEW}
    if few:
        shown = listed([f"{count} of {name}" for name, count in few.items()])
        note(
            f"validation has {shown} (fewer than {FEW}): which checkpoint is selected is largely chance; "
            "selection.over_last averages validations, folds use every row"
        )
