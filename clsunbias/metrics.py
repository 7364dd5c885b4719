"""Exact metrics per scored unit (an image, a speaker), computed once per pass over a split."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    multiclass_auroc,
    multiclass_average_precision,
)


def class_loss_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Column names of the class losses: ``loss_neg, loss_pos`` for two classes, else ``loss/<class>``."""
    return ("loss_neg", "loss_pos") if len(class_names) == 2 else tuple(f"loss/{name}" for name in class_names)


class RowScores:
    """Probabilities and losses of every row of a split, from which every metric follows.

    They are dense over the split's rows and added up over processes, so uneven shards and batch sizes change nothing.

    Args:
        rows: N, of the split.
        num_classes: C.
        device: where rows are scored.
    """

    def __init__(self, rows: int, num_classes: int, device: torch.device | str = "cpu") -> None:
        self._sums = torch.zeros(rows, num_classes + 2, device=device)  # probabilities, loss, times scored
        self._reduced = False

    def update(self, row: Tensor, prob: Tensor, loss: Tensor) -> None:
        """Adds one batch.

        Args:
            row: int64 ``(B,)``, index of each row in the split.
            prob: float ``(B, C)``, class probabilities.
            loss: float ``(B,)``, loss of each row.
        """
        scores = torch.cat([prob.float(), loss.float().unsqueeze(1), torch.ones_like(loss).unsqueeze(1)], 1)
        self._sums.index_add_(0, row, scores)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Probabilities float32 ``(N, C)`` and losses ``(N,)`` of the rows, on the CPU.

        Raises:
            RuntimeError: a row was never scored, or more than once.
        """
        if not self._reduced and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(self._sums)
        self._reduced = True
        sums = self._sums.cpu()
        wrong = (sums[:, -1] != 1).nonzero().flatten()
        if len(wrong):
            times = int(sums[wrong[0], -1])
            raise RuntimeError(
                f"{len(wrong)} of {len(sums)} rows were not scored once; row {int(wrong[0])}: {times} times"
            )
        # A softmax may round to just above 1, which torchmetrics would take for a logit.
        return sums[:, :-2].clamp(max=1), sums[:, -2]


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


def classification_metrics(prob: Tensor, target: Tensor, loss: Tensor, class_names: Sequence[str]) -> dict[str, float]:
    """All metrics of one split. The predicted class is the most probable one (for two classes: threshold 0.5).

    With two classes, the first is negative: ``pos_f1``, ``neg_f1``, ``pos_recall`` (sensitivity), ``neg_recall``
    (specificity), ``loss_pos``, ``loss_neg``. With more: ``f1/<class>``, ``recall/<class>``, ``loss/<class>``. Always:
    ``macro_f1``, ``accuracy``, ``balanced_accuracy``, ``auroc`` and ``auprc`` (of the positive class; macro average,
    one against the rest, for more than two), ``brier`` (mean (p₁ − y)²; for more than two classes the sum of squares
    over classes), ``ece`` (15 equal bins of the largest probability), ``loss`` (mean over units) and ``loss_gap``
    (largest minus smallest class loss: |L₊ − L₋| for two).

    Args:
        prob: float ``(U, C)``, rows summing to 1.
        target: int64 ``(U,)``; every class must occur, so that each figure is defined.
        loss: float ``(U,)``, cross-entropy of each unit in nats.
        class_names: C names.

    Returns:
        Plain floats.
    """
    binary = len(class_names) == 2
    confusion = torch.bincount(target * len(class_names) + prob.argmax(1), minlength=len(class_names) ** 2)
    confusion = confusion.view(len(class_names), -1).double()  # rows: true class, columns: predicted
    hits, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    f1 = 2 * hits / (true + predicted)
    recall = hits / true
    class_loss = torch.zeros_like(f1).index_add_(0, target, loss.double()) / true
    squares = (prob - torch.nn.functional.one_hot(target, len(class_names))).square().sum(1).mean()
    if binary:
        auroc = binary_auroc(prob[:, 1], target, validate_args=False)
        auprc = binary_average_precision(prob[:, 1], target, validate_args=False)
    else:
        auroc = multiclass_auroc(prob, target, len(class_names), validate_args=False)
        auprc = multiclass_average_precision(prob, target, len(class_names), validate_args=False)
    metrics = {
        "macro_f1": f1.mean(),
        "accuracy": hits.sum() / true.sum(),
        "balanced_accuracy": recall.mean(),
        "auroc": auroc,
        "auprc": auprc,
        "brier": squares / 2 if binary else squares,
        "ece": calibration_error(prob, target),
        "loss": loss.mean(),
        "loss_gap": class_loss.max() - class_loss.min(),
    }
    for index, name in enumerate(class_names):
        side = ("neg", "pos")[index] if binary else name
        metrics[f"{side}_f1" if binary else f"f1/{side}"] = f1[index]
        metrics[f"{side}_recall" if binary else f"recall/{side}"] = recall[index]
    metrics |= dict(zip(class_loss_names(class_names), class_loss, strict=True))
    return {name: float(value) for name, value in metrics.items()}
