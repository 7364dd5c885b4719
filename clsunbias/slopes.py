"""How steep and how curved each class's loss is while training: looked at now and then, and logged."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from clsunbias.audit.curvature import LEAST, slopes
from clsunbias.audit.diagnosed import Slope
from clsunbias.audit.estimates import Estimate
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.module import Classifier

FIGURES = ("norm", "noise", "cosine", "largest", "smallest")


class ClassSlopes(Callback):
    """Logs of each class's loss the squared gradient, its noise, its cosine to that of the others, and the curvature.

    They are those of an audit (:class:`~clsunbias.audit.diagnosed.Slope`), with 95 % intervals, on the same 128
    training rows of each class at most, of the network in evaluation mode: columns ``slopes/FIGURE/CLASS`` of
    ``metrics.csv``, empty after validations that are passed over. Training goes on as it would without.
    Sources: those of :mod:`clsunbias.audit.curvature`.

    Args:
        every: validations from one look to the next, at least 1; the first is looked at. A look costs up to
            some five thousand passes over a row for each class, and keeps eight gradients of each in memory.

    Raises:
        InputError: every below 1; before training, no :class:`~clsunbias.DataModule`, or a class with too few rows.
    """

    def __init__(self, every: int = 10) -> None:
        if every < 1:
            raise InputError(f"ClassSlopes: every is a number of validations, at least 1; got {every}")
        self.every = every
        self.validations = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        if pl_module.data is None:
            raise InputError("ClassSlopes looks at rows of a clsunbias.data.DataModule: train with one, or without it")
        counts = torch.bincount(pl_module.data.splits["train"].target, minlength=len(pl_module.data.class_names))
        if (fewest := int(counts.min())) < LEAST:
            name = pl_module.data.class_names[int(counts.argmin())]
            raise InputError(f"ClassSlopes takes {LEAST} training rows of each class, {name} has {fewest}: take it out")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or pl_module.refit is not None:
            return
        assert pl_module.data is not None
        split, classes = pl_module.data.splits["train"], pl_module.data.class_names
        if self.validations % self.every == 0:
            pl_module.watched = as_columns(self.look(pl_module, split, len(classes)), classes)
        else:
            pl_module.watched = dict.fromkeys(pl_module.watched, math.nan)
        self.validations += 1

    def look(self, model: Classifier, split: Split, classes: int) -> list[Slope]:
        """The slopes as they are."""
        was_training = model.training
        model.eval()
        with torch.inference_mode(False), torch.enable_grad():
            rows = split.features if model.reads_features and split.features is not None else split.x
            found = slopes(model, Split(rows, split.target), classes, model.global_step)
        model.train(was_training)
        return found

    def state_dict(self) -> dict[str, int]:
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.validations = state_dict["validations"]


def as_columns(found: Sequence[Slope], classes: Sequence[str]) -> dict[str, float]:
    """Slopes as they are logged."""
    made = {}
    for one in found:
        for figure in FIGURES:
            found_of = getattr(one, figure)
            for end in Estimate._fields:
                made[column(figure, end, classes[one.label])] = getattr(found_of, end) if found_of else math.nan
    return made


def column(figure: str, end: str, name: str) -> str:
    """The name of a column: of a figure's value or an end of its interval, and the class."""
    return f"slopes/{figure}/{name}" if end == "value" else f"slopes/{figure}_{end}/{name}"


def from_log(log: pd.DataFrame, classes: Mapping[str, int]) -> list[Slope]:
    """The slopes that a run logged by step, of classes by name and the rows of each that were used; or nothing."""
    if column("norm", "value", next(iter(classes))) not in log:
        return []
    made = []
    for step, row in log.iterrows():
        for label, (name, rows) in enumerate(classes.items()):
            ends = ([float(row[column(figure, end, name)]) for end in Estimate._fields] for figure in FIGURES)
            norm, noise, cosine, largest, smallest = (Estimate(*one) if math.isfinite(one[0]) else None for one in ends)
            if norm and largest and smallest:
                made.append(Slope(label, int(str(step)), rows, norm, noise, cosine, largest, smallest))
    return made
