"""The LightningModule of several runs: each has its own Classifier, of which networks and optimiser are batched."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from clsunbias.commands.fit import ExperimentCLI
from clsunbias.data.base import loader
from clsunbias.data.samplers import BatchSampler, SequentialBatches
from clsunbias.data.split import Batch
from clsunbias.data.training_rows import epochs_of
from clsunbias.metrics import metrics_of_several
from clsunbias.objectives import widen
from clsunbias.objectives.sample_losses import cross_entropy
from clsunbias.replicas.batches import InStep, SideBySide
from clsunbias.replicas.making import config_of
from clsunbias.replicas.objectives import Evaluated, evaluations
from clsunbias.replicas.stack import Stack
from clsunbias.schedules import progress


class Replicas(LightningModule):
    """Trains several runs as one; each classifier goes through the weights and figures that it would go through alone.

    Weights of all networks are stacked, so that a pass over the batches of all, and a step of the optimiser, is a few
    calls. Everything else is each run's own: order of rows, objective, schedules, selection, curves.

    Args:
        runs: of networks, data and optimisers alike, ready to be trained.
    """

    def __init__(self, runs: Sequence[ExperimentCLI]) -> None:
        super().__init__()
        self.runs = sorted(runs, key=optimizer_of)
        groups = [[*group] for _, group in groupby(self.runs, optimizer_of)]
        self.leads = [group[0].model for group in groups]
        self.stack = Stack([run.model.network for run in self.runs], [len(group) for group in groups])
        self._evaluated: list[Evaluated] = []
        self._steps: list[tuple[Tensor, Tensor, Tensor]] = []  # since validation: class sums, counts, objectives
        self._scored: list[tuple[Tensor, Tensor]] = []  # of a batch of validation rows: probabilities, losses

    def configure_optimizers(self) -> OptimizerLRScheduler:
        made: list[Optimizer] = [
            lead.optimizer(group.parameters()) for lead, group in zip(self.leads, self.stack.groups, strict=True)
        ]
        for other in made[1:]:
            made[0].add_param_group(other.param_groups[0])
        for group in made[0].param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.of_group: list[dict[str, Any]] = made[0].param_groups
        for group, (_, runs) in zip(self.of_group, groupby(self.runs, optimizer_of), strict=True):
            for run in runs:
                run.model.optimizer_groups = [group]
        return made[0]

    def train_dataloader(self) -> DataLoader[Batch]:
        splits = [run.datamodule.splits["train"] for run in self.runs]
        samplers = list[BatchSampler]()
        for run, split in zip(self.runs, splits, strict=True):
            with seeded(run.option("seed_everything")):
                samplers.append(run.datamodule.train_sampler(split))
            samplers[-1].epochs = epochs_of(self.trainer, samplers[-1])
        return loader(SideBySide(splits), InStep(samplers))

    def val_dataloader(self) -> DataLoader[Batch]:
        splits = [run.datamodule.splits["val"] for run in self.runs]
        rows = self.runs[0].datamodule.evaluation_rows
        return loader(SideBySide(splits), InStep([SequentialBatches(split, rows) for split in splits]))

    def on_fit_start(self) -> None:
        self.stack.bind()
        for run in self.runs:
            run.model.objective.to(self.device)
            run.option("anneal").check(run.model.objective)
            run.model.trainer = run.trainer
            run.trainer.datamodule = run.datamodule  # type: ignore[attr-defined]

    def on_train_start(self) -> None:
        self._total_steps = int(self.trainer.estimated_stepping_batches)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        now = progress(self.global_step, self._total_steps)
        for lead, group in zip(self.leads, self.of_group, strict=True):
            if lead.lr_schedule is not None:
                group["lr"] = lead.lr_schedule(now) * group["initial_lr"]
        if not self._evaluated:
            self._evaluate_alike(batch)
        for one in self._evaluated:
            self.runs[int(one.runs[0])].option("anneal").move(now)

    def _evaluate_alike(self, batch: Batch) -> None:
        """Finds out which objectives are evaluated at once; their runs then share one."""
        alike = [repr((objective_of(run), run.datamodule.class_counts.tolist())) for run in self.runs]
        with torch.no_grad():
            logits = self.stack(batch["x"])
        self._evaluated = evaluations([run.model.objective for run in self.runs], alike, logits, batch)
        for one in self._evaluated:
            for number in one.runs.tolist():
                self.runs[number].model.objective = one.objective
        self._place = torch.cat([one.runs for one in self._evaluated]).argsort()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        logits = self.stack(batch["x"])
        results = [one.results(logits, batch) for one in self._evaluated]
        names = ("class_loss_sums", "class_counts", "loss")
        sums, counts, losses = (torch.cat([result[name] for result in results]) for name in names)
        self._steps.append((sums, counts, losses.detach()))
        return losses.sum()  # the parameters of each run have a part in its own loss alone

    def on_validation_epoch_start(self) -> None:
        self._scored.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.stack(batch["x"])
        parts = []
        for one in self._evaluated:
            rows = widen(logits[one.runs].flatten(0, 1))
            classes = one.objective.class_logits(rows)
            parts.append(classes.view(len(one.runs), -1, classes.shape[1]))
        class_logits = torch.cat(parts)[self._place].float()
        loss = cross_entropy(class_logits.flatten(0, 1), batch["target"].flatten()).view_as(batch["target"])
        # A softmax may round to just above 1, which torchmetrics would take for a logit.
        self._scored.append((class_logits.softmax(2).clamp(max=1).cpu(), loss.cpu()))

    def on_validation_epoch_end(self) -> None:
        sums, counts, objectives = (torch.stack(column).double().cpu() for column in zip(*self._steps, strict=True))
        self._steps.clear()
        losses = (sums.sum(0) / counts.sum(0))[self._place]
        means = objectives.mean(0)[self._place]
        for number, (run, metrics) in enumerate(zip(self.runs, self._metrics(), strict=True)):
            figures = run.model.training_figures(losses[number], means[number])
            figures |= {f"val/{name}": value for name, value in metrics.items()}
            run.checkpoints.validated(figures, self.global_step, run.model)
            run.trainer.loggers[0].log_metrics(figures, self.global_step)

    def _metrics(self) -> list[dict[str, float]]:
        """Metrics of each run on its validation units."""
        prob, loss = (torch.cat(column, 1) for column in zip(*self._scored, strict=True))
        units = [run.datamodule.splits["val"].units[0] for run in self.runs]
        merged = [one.merge(*scores) for one, scores in zip(units, zip(prob, loss, strict=True), strict=True)]
        data = self.runs[0].datamodule
        prob, loss = (torch.stack(column) for column in zip(*merged, strict=True))
        return metrics_of_several(
            prob, torch.stack([one.target for one in units]), loss, data.class_names, data.ordered
        )


def optimizer_of(run: ExperimentCLI) -> str:
    """What a run's optimiser and its learning rates are made of: runs that are alike in it are one group."""
    model = config_of(run)["model"]
    return repr((model["optimizer"], model["lr_schedule"]))


def objective_of(run: ExperimentCLI) -> str:
    """What a run's objective and its schedules are made of."""
    config = config_of(run)
    return repr((config["model"]["objective"], config["anneal"]))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """With the seed that samplers take, for a while; the drawing of weights is over."""
    before = os.environ.get("PL_GLOBAL_SEED")
    os.environ["PL_GLOBAL_SEED"] = str(seed)
    try:
        yield
    finally:
        os.environ.pop("PL_GLOBAL_SEED")
        os.environ.update({} if before is None else {"PL_GLOBAL_SEED": before})
