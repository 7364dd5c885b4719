"""Exact metrics per scored unit (an image, a speaker), computed once per pass over a split."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    multiclass_auroc,
    multiclass_average_precision,
)

from clsunbias.distributed import sum_over_processes


def class_loss_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Column names of the class losses: ``loss_neg, loss_pos`` for two classes, else ``loss/<class>``."""
    return ("loss_neg", "loss_pos") if len(class_names) == 2 else tuple(f"loss/{name}" for name in class_names)


def default_class_names(num_classes: int) -> tuple[str, ...]:
    """Names of classes that nobody has named."""
    return ("negative", "positive") if num_classes == 2 else tuple(str(index) for index in range(num_classes))


class RowScores:
    """Probabilities, losses and classes of every row of a split, from which every metric follows.

    They are dense over the split's rows and added up over processes, so uneven shards and batch sizes change nothing.

    Args:
        rows: N, of the split.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._sums: Tensor | None = None  # probabilities, loss, class, times scored
        self._next = 0
        self._reduced = False

    def update(self, prob: Tensor, loss: Tensor, target: Tensor, row: Tensor | None = None) -> None:
        """Adds one batch.

        Args:
            prob: float ``(B, C)``, class probabilities.
            loss: float ``(B,)``, loss of each row.
            target: int64 ``(B,)``, class of each row.
            row: int64 ``(B,)``, index of each row in the split; None: they follow those of the batch before, and what
                comes after the last batch is not asked for.
        """
        if self._sums is None:
            self._sums = prob.new_zeros(self._rows, prob.shape[1] + 3, dtype=torch.float32)
        if row is None:
            row = torch.arange(self._next, self._next + len(loss), device=prob.device)
            self._next += len(loss)
        columns = (prob.float(), *(values.float().unsqueeze(1) for values in (loss, target, torch.ones_like(loss))))
        self._sums.index_add_(0, row, torch.cat(columns, 1))

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities float32 ``(N, C)``, losses ``(N,)`` and classes int64 ``(N,)`` of the rows, on the CPU.

        Raises:
            RuntimeError: a row was never scored, or more than once.
        """
        sums = self._complete()
        # A softmax may round to just above 1, which torchmetrics would take for a logit.
        return sums[:, :-3].clamp(max=1), sums[:, -3], sums[:, -2].long()

    def columns(self) -> Tensor:
        """What was added in place of probabilities, float32 ``(N, C)``, as it is; raises as :meth:`compute`."""
        return self._complete()[:, :-3]

    def _complete(self) -> Tensor:
        """The sums of rows that were all scored once, on the CPU."""
        if self._sums is None:
            raise RuntimeError(f"none of {self._rows} rows was scored")
        if not self._reduced:
            self._sums = sum_over_processes(self._sums)
        self._reduced = True
        sums = self._sums.cpu()[: self._next or None]
        wrong = (sums[:, -1] != 1).nonzero().flatten()
        if len(wrong):
            times = int(sums[wrong[0], -1])
            raise RuntimeError(
                f"{len(wrong)} of {len(sums)} rows were not scored once; row {int(wrong[0])}: {times} times"
            )
        return sums


def calibration_error(prob: Tensor, target: Tensor, bins: int = 15) -> Tensor:
    """Expected calibration error: Σ_b (n_b/U)·|accuracy_b − confidence_b| over equal bins of the largest probability.

    Source: arXiv 1706.04599, eq. 3. (torchmetrics' puts a confidence of exactly 1 into a bin of its own.)

    Args:
        prob: float ``(U, C)``.
        target: int64 ``(U,)``.
        bins: number of equal bins of [0, 1].

    Returns:
        A scalar in [0, 1].
    """
    confidence, predicted = prob.max(1)
    surplus = confidence.double() - (predicted == target).double()
    index = (confidence * bins).ceil().long().clamp(1, bins) - 1
    return torch.zeros(bins, dtype=torch.float64).index_add_(0, index, surplus).abs().sum() / len(target)


def places(prob: Tensor) -> Tensor:
    """Where units stand by the log-odds of each class, from 0 to 1, equal ones at one place: of and in ``(U, C)``.

    Single precision has probabilities of exactly 1 from log-odds of about 17 on; next to 0 it tells them apart. So a
    class is ranked by its probability over that of all others.
    """
    odds = prob.double().log() - (prob.double() @ (1 - torch.eye(prob.shape[1], dtype=torch.float64))).log()
    columns = [column.unique(return_inverse=True)[1] for column in odds.T]
    return torch.stack(columns, 1) / len(prob)


def quadratic_kappa(confusion: Tensor) -> Tensor:
    """Agreement of grades beyond chance, 1 − Σ w·O / Σ w·E with w = (i − j)²: 1 for all right, 0 for chance.

    Source: Cohen 1968, weighted kappa.

    Args:
        confusion: float64 ``(C, C)``, units O of each true class (rows) and predicted one; E of independent ones.

    Returns:
        A scalar.
    """
    grades = torch.arange(len(confusion), dtype=confusion.dtype)
    weights = (grades.unsqueeze(1) - grades).square()
    expected = confusion.sum(1, keepdim=True) * confusion.sum(0) / confusion.sum()
    return 1 - (weights * confusion).sum() / (weights * expected).sum()


def classification_metrics(
    prob: Tensor, target: Tensor, loss: Tensor, class_names: Sequence[str], ordered: bool = False
) -> dict[str, float]:
    """All metrics of one split. The predicted class is the most probable one (for two classes: threshold 0.5).

    Of each class: ``f1/<class>``, ``recall/<class>``, ``precision/<class>`` (0 for a class never predicted),
    ``loss/<class>``. Of two classes the same by side, the first being negative: ``pos_f1``, ``neg_f1``, ``pos_recall``
    (sensitivity), ``neg_recall`` (specificity), ``pos_precision`` (positive predictive value), ``neg_precision``
    (negative predictive value), ``loss_pos``, ``loss_neg``. Always: ``macro_f1``, ``accuracy``,
    ``balanced_accuracy``, ``worst_recall`` and ``geometric_mean`` of the classes' recalls, ``auroc`` and ``auprc`` (of
    the positive class; macro average, one against the rest, for more than two), ``brier`` (mean (p₁ − y)²; for more
    than two classes the sum of squares over classes), ``ece`` (15 equal bins of the largest probability), ``loss``
    (mean over units) and ``loss_gap`` (largest minus smallest class loss: |L₊ − L₋| for two).

    Args:
        prob: float ``(U, C)``, rows summing to 1.
        target: int64 ``(U,)``; every class must occur, so that each figure is defined.
        loss: float ``(U,)``, cross-entropy of each unit in nats.
        class_names: C names.
        ordered: whether the classes are grades, of which there is :func:`quadratic_kappa`, too.

    Returns:
        Plain floats.
    """
    return metrics_of_several(prob.unsqueeze(0), target.unsqueeze(0), loss.unsqueeze(0), class_names, ordered)[0]


def metrics_of_several(
    prob: Tensor, target: Tensor, loss: Tensor, class_names: Sequence[str], ordered: bool = False
) -> list[dict[str, float]]:
    """The same of R runs at once: ``(R, U, C)``, ``(R, U)`` and ``(R, U)``; a dict for each."""
    runs, classes = len(prob), len(class_names)
    binary = classes == 2
    place = torch.arange(runs).unsqueeze(1) * classes**2 + target * classes + prob.argmax(2)
    confusion = torch.bincount(place.flatten(), minlength=runs * classes**2)
    confusion = confusion.view(runs, classes, classes).double()  # rows: true class, columns: predicted
    hits, true, predicted = confusion.diagonal(dim1=1, dim2=2), confusion.sum(2), confusion.sum(1)
    f1 = 2 * hits / (true + predicted)
    recall = hits / true
    class_loss = torch.zeros_like(f1).scatter_add_(1, target, loss.double()) / true
    squares = (prob - torch.nn.functional.one_hot(target, classes)).square().sum(2).mean(1)
    pairs = [*zip(prob, target, strict=True)]
    ranked = [(places(one), label) for one, label in pairs]
    if binary:
        auroc = [binary_auroc(one[:, 1], label, validate_args=False) for one, label in ranked]
        auprc = [binary_average_precision(one[:, 1], label, validate_args=False) for one, label in ranked]
    else:
        auroc = [multiclass_auroc(one, label, classes, validate_args=False) for one, label in ranked]
        auprc = [multiclass_average_precision(one, label, classes, validate_args=False) for one, label in ranked]
    metrics = {
        "macro_f1": f1.mean(1),
        "accuracy": hits.sum(1) / true.sum(1),
        "balanced_accuracy": recall.mean(1),
        "worst_recall": recall.amin(1),
        "geometric_mean": recall.prod(1) ** (1 / classes),
        "auroc": torch.stack(auroc),
        "auprc": torch.stack(auprc),
        "brier": squares / 2 if binary else squares,
        "ece": torch.stack([calibration_error(*pair) for pair in pairs]),
        "loss": loss.mean(1),
        "loss_gap": class_loss.amax(1) - class_loss.amin(1),
    }
    if ordered:
        metrics["quadratic_kappa"] = torch.stack([quadratic_kappa(one) for one in confusion])
    of_classes = {"f1": f1, "recall": recall, "precision": hits / predicted.clamp(min=1), "loss": class_loss}
    for figure, values in of_classes.items():
        metrics |= {f"{figure}/{name}": value for name, value in zip(class_names, values.T, strict=True)}
        if binary and figure != "loss":
            metrics |= {f"{side}_{figure}": value for side, value in zip(("neg", "pos"), values.T, strict=True)}
    metrics |= dict(zip(class_loss_names(class_names), class_loss.T, strict=True))
    table = torch.stack([values.double() for values in metrics.values()], 1).tolist()
    return [dict(zip(metrics, figures, strict=True)) for figures in table]
