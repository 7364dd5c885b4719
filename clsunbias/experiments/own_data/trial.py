"""How long a run takes: two short ones, timed."""

import tempfile
import time
from pathlib import Path
from typing import Any

from clsunbias.errors import InputError
from clsunbias.experiments.own_data.design import Trial, batch_of
from clsunbias.experiments.own_data.understanding import Understood
from clsunbias.experiments.running.executor import fit
from clsunbias.experiments.running.run import Run
from clsunbias.files import find_config

SHORT, LONG = 2, 6
"""Epochs of either run."""


def try_out(understood: Understood) -> Trial:
    """Times two short runs of ERM in a folder that is thrown away; InputError with what goes wrong in them."""
    with tempfile.TemporaryDirectory() as folder:
        took, steps = {}, 0
        for epochs in (1, SHORT, LONG):  # the first pays for what is imported and prepared once
            run = Run(
                Path(folder) / str(epochs),
                (find_config(understood.config), find_config("objectives/erm")),
                tuple(overrides(understood, epochs).items()),
            )
            start = time.perf_counter()
            if error := fit(run):
                raise InputError(error.strip().splitlines()[-1])
            took[epochs] = time.perf_counter() - start
            record = run.record()
            assert record is not None
            steps = max(1, int(record.metrics().index.max()) // epochs)
    epoch = max((took[LONG] - took[SHORT]) / (LONG - SHORT), 1e-3)
    return Trial(max(took[SHORT] - SHORT * epoch, 0.0), epoch, steps)


def overrides(understood: Understood, epochs: int) -> dict[str, Any]:
    """Dotted parameters of a short run."""
    made = {**understood.settings, "trainer.max_epochs": epochs, "trainer.check_val_every_n_epoch": 1}
    if batch := batch_of(understood):
        made["data.init_args.batch_size"] = batch
    return made
