"""Short runs before all others: whether the data can be trained on at all, and how long that takes."""

import tempfile
import time
from pathlib import Path
from typing import Any

from clsunbias.errors import InputError
from clsunbias.experiments.own_data.design import Trial, folds_of, settings_of
from clsunbias.experiments.own_data.understanding import Understood
from clsunbias.experiments.plan import Fold
from clsunbias.experiments.running.executor import fit
from clsunbias.experiments.running.run import Run
from clsunbias.files import find_config

SHORT, LONG = 2, 6
"""Epochs of either run."""


def try_out(understood: Understood) -> Trial:
    """Short runs of ERM in a folder that is thrown away: one of each fold, and two that are timed.

    Raises:
        InputError: what goes wrong in one of them, such as a leak between folds.
    """
    files = find_config(understood.config), find_config("objectives/erm")
    folds = folds_of(understood)
    with tempfile.TemporaryDirectory() as folder:
        took, steps = {}, 0
        # The first pay for what is imported and prepared once.
        for number, epochs in enumerate((*[1] * folds, SHORT, LONG)):
            plan = Fold(folds, number % folds, 0).plan
            made = {**overrides(understood, epochs), "data.init_args.plan": plan}
            run = Run(Path(folder) / str(number), files, tuple(made.items()))
            start = time.perf_counter()
            if error := fit(run):
                said = error.strip().splitlines()[-1]
                raise InputError(f"{said} (of study: --allow-leaks)" if "allow_leaks" in said else said)
            took[epochs] = time.perf_counter() - start
            record = run.record()
            assert record is not None
            steps = max(1, int(record.metrics().index.max()) // epochs)
    epoch = max((took[LONG] - took[SHORT]) / (LONG - SHORT), 1e-3)
    return Trial(max(took[SHORT] - SHORT * epoch, 0.0), epoch, steps)


def overrides(understood: Understood, epochs: int) -> dict[str, Any]:
    """Dotted parameters of a short run."""
    return {**settings_of(understood), "trainer.max_epochs": epochs, "trainer.check_val_every_n_epoch": 1}
