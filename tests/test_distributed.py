"""Two processes that share a batch optimise what one with the whole of it does, for every objective."""

from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from clsunbias.distributed import gather_rows, rank, sum_over_processes, world_size
from tests.test_contract import EVERY, batch, evaluate, label, made

CLASSES = 5


def shares(values: Tensor, process: int) -> Tensor:
    """The rows of one of two processes: fifteen and nine of twenty-four."""
    return values[:15] if process == 0 else values[15:]


def results() -> dict[str, tuple[Tensor, Tensor]]:
    """Loss and gradient of each objective over this process's share, or over the whole batch if it is alone."""
    found = {}
    for make in EVERY:
        objective = made(make, CLASSES)
        logits, target, more = batch(objective, CLASSES, absent=False)
        if world_size() > 1:
            logits, target = shares(logits, rank()), shares(target, rank())
            more = {name: shares(values, rank()) for name, values in more.items()}
        found[label(make)] = evaluate(objective, logits, target, **more)
    return found


def work(process: int, folder: Path) -> None:
    """What each process does: leaves what it found in a file of its own."""
    torch.set_num_threads(1)
    store = f"file://{folder / 'store'}"
    dist.init_process_group("gloo", init_method=store, rank=process, world_size=2)
    rows = torch.arange(process + 1.0, requires_grad=True)
    gathered, total = gather_rows(rows), sum_over_processes(torch.tensor(process + 1.0))
    whole = {"gathered": gathered.detach(), "total": total}
    torch.save({**results(), **whole}, folder / f"{process}.pt")
    dist.destroy_process_group()


def test_two_processes_are_one(tmp_path: Path) -> None:
    """The same value in each, and gradients that, averaged as DDP does, are those of the whole batch: uneven shares."""
    spawn(work, (tmp_path,), nprocs=2)  # type: ignore[no-untyped-call]
    found = [torch.load(tmp_path / f"{process}.pt") for process in range(2)]
    for process in range(2):
        assert found[process]["gathered"].tolist() == [0, 0, 1]
        assert found[process]["total"] == 3
    for name, (loss, gradient) in results().items():
        for process in range(2):
            ours, slope = found[process][name]
            torch.testing.assert_close(ours, loss, msg=f"{name}: loss of process {process}")
            torch.testing.assert_close(slope / 2, shares(gradient, process), msg=f"{name}: gradient of {process}")
