"""How steep and how curved each class's loss is, by all weights of the network as they are.

A class that training has given up on has a steep loss; pulls in opposite directions are a cosine below 0; a loss that
is sharply curved for the rare class alone is what sharpness-aware training is for. Rows are dealt into chunks: squared
norms and cosines are of products between different chunks, in which the noise of single rows has no part.
Sources: arXiv 2207.00391 (gradients and their noise by class), arXiv 1812.06162 (the scale of noise, its section 2.2),
arXiv 2212.13827 (curvature by class).
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from scipy.special import stdtrit
from torch import Tensor
from torch.nn import functional as F

from clsunbias.audit.diagnosed import Slope
from clsunbias.audit.estimates import Estimate
from clsunbias.data.split import Split
from clsunbias.experiments.analysis.statistics import Floats

CHUNKS, ROWS, STEPS = 8, 128, 8
"""Chunks of a class's rows, rows at most, and products with second derivatives that its curvature is found by."""

TOGETHER = 300_000
"""Numbers of input that second derivatives are taken of at once, a chunk's at least: few passes, that fit in memory."""

LEAST = 2 * CHUNKS
"""Rows of a class at least."""


def slopes(model: torch.nn.Module, split: Split, classes: int, step: int) -> list[Slope]:
    """Slope and curvature of each class after so many steps.

    Nothing where a class has less than :data:`LEAST` rows, or no weight is trained. The same rows are taken each time.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    random = np.random.default_rng(0)
    chunks = []
    for label in range(classes):
        own = random.permutation(np.flatnonzero(split.target.numpy() == label))[:ROWS]
        if len(own) < LEAST:
            return []
        chunks.append([torch.from_numpy(part) for part in np.array_split(own, CHUNKS)])
    if not weights:
        return []

    def loss(rows: Tensor) -> Tensor:
        device = weights[0].device
        return F.cross_entropy(model(split.x[rows].to(device)).float(), split.target[rows].to(device))

    together = max(TOGETHER // split.x[chunks[0][0][:1]].numel(), ROWS // CHUNKS)
    products = products_of([torch.autograd.grad(loss(rows), weights) for own in chunks for rows in own], classes)
    made = []
    for label in range(classes):
        others = [other for other in range(classes) if other != label]
        own, theirs = products[label, :, label], products[others][:, :, others].mean((0, 2))
        norm, other = jackknifed(partial(apart, own)), jackknifed(partial(apart, theirs))
        both = min(norm.low, other.low) > 0  # what is not shown to be other than 0 has no direction
        across = partial(cosine_of, own, theirs, products[label][:, others].mean(1))
        cosine = jackknifed(across, least=-1, most=1) if both else None
        rows = sum(len(part) for part in chunks[label])
        scale = jackknifed(partial(noise_of, own, rows / CHUNKS)) if norm.low > 0 else None
        noise = Estimate(*np.exp(scale).tolist()) if scale else None
        largest, smallest = curved(loss, chunks[label], weights, together)
        made.append(Slope(label, step, rows, norm, noise, cosine, largest, smallest))
    return made


def products_of(gradients: Sequence[Sequence[Tensor]], classes: int) -> Floats:
    """Products between the gradients of all chunks, class by class ``(C, CHUNKS, C, CHUNKS)``: all that is asked of
    them, however many weights there are.
    """
    device = gradients[0][0].device
    kind = torch.float32 if device.type == "mps" else torch.float64  # which Apple's GPUs lack
    total = torch.zeros(len(gradients), len(gradients), dtype=kind, device=device)
    for of_weight in zip(*gradients, strict=True):
        rows = torch.stack([part.reshape(-1) for part in of_weight]).to(kind)
        total += rows @ rows.T
    return total.cpu().numpy().reshape(classes, CHUNKS, classes, CHUNKS)


def cosine_of(own: Floats, theirs: Floats, across: Floats, kept: list[int]) -> float:
    """The cosine between the means of some chunks of two kinds, whose noise is not shared; beyond ±1 by chance.

    Args:
        own: products between chunks of the first kind ``(K, K)``.
        theirs: of the second.
        across: of the first with the second.
        kept: which chunks.
    """
    lengths = max(apart(own, kept), 0.0) * max(apart(theirs, kept), 0.0)
    return float(across[np.ix_(kept, kept)].mean() / max(lengths, 1e-30) ** 0.5)


def noise_of(own: Floats, rows: float, kept: list[int]) -> float:
    """Log of the variance of single rows' gradients over the squared length of their mean, of chunks of ``rows``."""
    signal = apart(own, kept)
    variance = rows * (float(np.diag(own)[kept].mean()) - signal)
    return float(np.log(max(variance, 1e-30) / max(signal, 1e-30)))


def apart(products: Floats, kept: list[int]) -> float:
    """The squared length of the mean of some chunks: their mean product but with themselves, whose noise is shared."""
    found = products[np.ix_(kept, kept)]
    return float((found.sum() - np.trace(found)) / (len(kept) * (len(kept) - 1)))


def jackknifed(of: Callable[[list[int]], float], least: float = -np.inf, most: float = np.inf) -> Estimate:
    """A value of all chunks with its interval, by leaving out one chunk at a time, cut to what is possible."""
    value = of(list(range(CHUNKS)))
    without = np.array([of([at for at in range(CHUNKS) if at != left]) for left in range(CHUNKS)])
    spread = ((CHUNKS - 1) / CHUNKS * np.square(without - without.mean()).sum()) ** 0.5
    half = float(stdtrit(CHUNKS - 1, 0.975) * spread)
    return Estimate(*np.clip([value, value - half, value + half], least, most).tolist())


def curved(
    loss: Callable[[Tensor], Tensor], chunks: Sequence[Tensor], weights: Sequence[Tensor], together: int
) -> list[Estimate]:
    """A class's largest and smallest curvature: their directions of all rows, then chunk by chunk along them."""
    own = torch.cat([*chunks])

    def times(rows: Tensor, direction: Tensor) -> Tensor:
        shaped = [part.view_as(weight) for part, weight in zip(torch.split(direction, sizes), weights, strict=True)]
        return torch.cat([part.reshape(-1) for part in times_hessian(loss(rows), weights, shaped)])

    def of_all(direction: Tensor) -> Tensor:
        total = torch.zeros_like(direction)
        for rows in torch.split(own, together):
            total += times(rows, direction) * len(rows) / len(own)
        return total

    sizes = [weight.numel() for weight in weights]
    random = torch.Generator().manual_seed(0)  # of its own: a training that is looked at goes on as it would
    start = torch.randn(sum(sizes), generator=random).to(weights[0])
    made = []
    for along in extremes(of_all, start):
        values = np.array([float(times(rows, along) @ along) for rows in chunks])
        made.append(jackknifed(partial(mean_of, values)))
    return made


def mean_of(values: Floats, kept: list[int]) -> float:
    """The mean of some chunks' values."""
    return float(values[kept].mean())


def extremes(times: Callable[[Tensor], Tensor], start: Tensor) -> list[Tensor]:
    """Directions of length 1 of the largest and the smallest eigenvalue, by Lanczos' method from a start.

    Args:
        times: a symmetric matrix times a vector ``(D,)``.
        start: ``(D,)``.
    """
    basis, diagonal, beside = [start / start.norm()], list[float](), list[float]()
    while len(diagonal) < STEPS:
        product = times(basis[-1])
        diagonal.append(float(product @ basis[-1]))
        for one in basis * 2:  # twice, for what rounding leaves
            product = product - (product @ one) * one
        beside.append(float(product.norm()))
        if beside[-1] <= 1e-5 * max(abs(value) for value in diagonal):  # nothing is left to find
            break
        basis.append(product / beside[-1])
    _, vectors = eigh_tridiagonal(diagonal, beside[: len(diagonal) - 1])
    made = [torch.zeros_like(start), torch.zeros_like(start)]
    for along, at in zip(made, (-1, 0), strict=True):
        for one, share in zip(basis, vectors[:, at].tolist(), strict=False):  # the last one was not multiplied
            along += share * one
    return made


def times_hessian(value: Tensor, weights: Sequence[Tensor], direction: Sequence[Tensor]) -> list[Tensor]:
    """Second derivatives of a value by weights, times a direction."""
    gradient = torch.autograd.grad(value, weights, create_graph=True)
    product = torch.stack([(part * along).sum() for part, along in zip(gradient, direction, strict=True)]).sum()
    return list(torch.autograd.grad(product, weights, materialize_grads=True))
