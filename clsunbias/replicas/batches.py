"""Batches of several runs side by side: each has the rows, in the order, that it would have alone."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Batch, Split


class SideBySide(Dataset[Batch]):
    """Splits of equal length, read by rows of each; one that several runs share is held once.

    Args:
        splits: of each run, in memory.
    """

    def __init__(self, splits: Sequence[Split]) -> None:
        different = list({id(split.x): split for split in splits}.values())
        place = {id(split.x): number for number, split in enumerate(different)}
        self.length = len(splits[0])
        self.x = torch.cat([split.x[:] for split in different])
        self.first = torch.tensor([[self.length * place[id(split.x)]] for split in splits])
        self.target = torch.stack([split.target for split in splits])
        self.more = {name: torch.stack([split.more[name] for split in splits]) for name in splits[0].more}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, rows: Tensor) -> Batch:
        """Of rows int64 ``(R, B)`` of each run: ``x`` ``(R, B, …)``, ``target``, ``row`` and what else it says."""
        run = torch.arange(len(rows)).unsqueeze(1)
        more = {name: values[run, rows] for name, values in self.more.items()}
        return {"x": self.x[self.first + rows], "target": self.target.gather(1, rows), "row": rows, **more}


class InStep(Sampler[Tensor]):
    """The batches of several samplers, ``(R, B)``, each in its own order.

    Args:
        samplers: of each run; their epochs have as many batches of as many rows.
    """

    def __init__(self, samplers: Sequence[BatchSampler]) -> None:
        self.samplers = samplers

    def set_epoch(self, epoch: int) -> None:
        """Tells them the epoch, which their order is a function of."""
        for sampler in self.samplers:
            sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.samplers[0])

    def __iter__(self) -> Iterator[Tensor]:
        for rows in zip(*self.samplers, strict=True):
            yield torch.stack(rows)
