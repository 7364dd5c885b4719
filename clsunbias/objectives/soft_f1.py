"""The F1 score of a batch, made smooth."""

import torch
from torch import Tensor

from clsunbias.distributed import sum_over_processes
from clsunbias.objectives.base import Objective


class SoftF1(Objective):
    """Soft macro-F1: L = 1 − mean over classes of 2·TP_c / (N_c + P_c), counts made of probabilities.

    TP_c is the summed probability of c over its rows, P_c over all rows, N_c its rows in the batch. A class absent from
    the batch takes no part. It is the score that is reported, but of a batch, and with probabilities for decisions.
    Source: after the dice coefficient of arXiv 1606.04797, section 3, over a batch and by class, its denominator of
    probabilities rather than of their squares.
    """

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        prob = logits.float().softmax(1)
        member = target.unsqueeze(1) == torch.arange(prob.shape[1], device=target.device)
        sums = torch.stack([(prob * member).sum(0), prob.sum(0), member.sum(0).float()])
        right, predicted, counts = sum_over_processes(sums).unbind()
        f1 = 2 * right / (counts + predicted).clamp(min=1e-12)  # of an absent class that no row is given to, 0/0
        present = counts.detach() > 0
        return 1 - (f1 * present).sum() / present.sum()
