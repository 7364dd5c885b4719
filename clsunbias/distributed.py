"""What the processes of a run tell each other: risks are sums over the global batch, rankings compare all its rows.

A quantity of the global batch is the same number in every process, but each process can differentiate only its own
share, and gradients are averaged over the processes afterwards. So the own share enters as W·(v − sg[v]), which is 0
and has W times the gradient: value and averaged gradient are then exactly those of one process with the whole batch.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of processes, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def sum_over_processes(values: Tensor) -> Tensor:
    """The elementwise sum of the values of all processes, of any one shape; differentiable."""
    if world_size() == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return world_size() * (values - values.detach()) + total


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of the values ``(B,)`` of all processes, whose shares of a batch may differ; differentiable."""
    return sum_over_processes(values.sum()) / sum_over_processes(values.new_full((), len(values)))


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes one after the other, ``(B₀ + B₁ + …, …)`` of ``(B, …)`` each; differentiable.

    The processes' shares of a batch may differ by a row, so they are padded on the way.
    """
    if world_size() == 1:
        return rows
    sizes = rows.new_zeros(world_size(), dtype=torch.int64)
    sizes[rank()] = len(rows)
    dist.all_reduce(sizes)
    padded = rows.new_zeros(int(sizes.max()), *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    shares = [torch.empty_like(padded) for _ in range(world_size())]
    dist.all_gather(shares, padded)
    whole = [share[:size] for share, size in zip(shares, sizes.tolist(), strict=True)]
    if rows.requires_grad:
        whole[rank()] = world_size() * (rows - rows.detach()) + rows.detach()
    return torch.cat(whole)
