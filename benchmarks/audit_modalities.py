"""The kinds of sets of the audit's benchmark, and the network that each is given to."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from torch import nn

from benchmarks.audit_networks import listener, logistic, perceptron, small_convolution, trained
from benchmarks.audit_sets import Drawn, image, table, toy
from benchmarks.audit_voices import CLEAR, TELEPHONE, speech
from clsunbias.data.split import Split


class Modality(NamedTuple):
    """How sets are drawn, from a share of the positives and a generator, and what is trained on them by ERM."""

    draw: Callable[[float, np.random.Generator], Drawn]
    fit: Callable[[Split], nn.Module]


def of_images(name: str, stripes: bool) -> Modality:
    """Images of a set."""
    return Modality(
        lambda share, random: image(share, random, name, stripes),
        lambda train: trained(small_convolution(), train, 20, 0.003),
    )


MODALITIES: Mapping[str, Modality] = {
    "toy": Modality(toy, logistic),
    "toy, 250 units audited": Modality(lambda share, random: toy(share, random, 0.5, 250), logistic),
    "toy, 100 units audited": Modality(lambda share, random: toy(share, random, 0.5, 100), logistic),
    "toy, 10 % positives": Modality(lambda share, random: toy(share, random, 0.1), logistic),
    "toy, 10 % positives, 500 audited": Modality(lambda share, random: toy(share, random, 0.1, 500), logistic),
    "toy, 10 % positives, 250 audited": Modality(lambda share, random: toy(share, random, 0.1, 250), logistic),
    "table": Modality(table, lambda train: trained(perceptron(10), train, 15, 0.01)),
    "table with decoys": Modality(
        lambda share, random: table(share, random, True), lambda train: trained(perceptron(12), train, 15, 0.01)
    ),
    "BreastMNIST, patches": of_images("breastmnist", False),
    "RetinaMNIST, stripes": of_images("retinamnist", True),
    "speech": Modality(lambda share, random: speech(share, random, CLEAR), listener),
    "speech, telephone": Modality(lambda share, random: speech(share, random, TELEPHONE), listener),
}
