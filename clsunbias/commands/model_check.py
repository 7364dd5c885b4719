"""Whether a model fits the rows of a data set: tried on two of them before anything is trained or scored."""

import torch

from clsunbias.data.base import DataModule
from clsunbias.data.split import Rows
from clsunbias.errors import InputError
from clsunbias.module import Classifier
from clsunbias.networks.arguments import INPUTS, OUTPUTS, to_set
from clsunbias.objectives import widen


def check_model(model: Classifier, data: DataModule, rows: Rows) -> None:
    """Runs the network on two rows, so that a model that does not fit the data fails before training.

    Args:
        model: the network and its objective.
        data: the data set.
        rows: inputs of it, ``(N, …)``.

    Raises:
        InputError: the network cannot take the rows, or gives another number of logits than the objective needs.
    """
    two, network = rows[:2], type(model.network).__name__
    shape = tuple(two.shape[1:])
    training = model.training
    model.eval()  # a trial must not touch running statistics or draw dropout's random numbers
    try:
        with torch.no_grad():
            logits, _ = model.run_network(two)
    except RuntimeError as error:
        channels_first = len(shape) == 3 and len(data.free) == 1
        size = to_set(model.network, INPUTS, shape[0] if channels_first else shape[-1])
        raise InputError(
            f"{network} cannot take {data.name}'s rows of shape {shape}: {error}; if it is made for others, {size}"
        ) from error
    finally:
        model.train(training)
    classes = len(data.class_names)
    outputs = model.objective.outputs(classes)
    if widen(logits).shape != (len(two), outputs):
        raise InputError(
            f"{network} gives logits of shape {tuple(logits.shape)} for {len(two)} rows; with {data.name}'s "
            f"{classes} classes, {model.objective.name} needs {outputs} a row{' (or 1)' if outputs == 2 else ''}: "
            + to_set(model.network, OUTPUTS, 1 if outputs == 2 else outputs)
        )
