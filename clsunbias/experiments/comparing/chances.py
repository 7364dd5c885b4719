"""What a test set could show, and how far what it did show may be luck, all of it from a difference's standard error.

The sign and magnitude errors are those of Gelman and Carlin (Perspectives on Psychological Science 9, 2014), in closed
form as in Lu, Qiu and Deng (British Journal of Mathematical and Statistical Psychology 72, 2019).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

POWER = 0.8
"""How often a difference that "could be shown" is."""


class Chances(NamedTuple):
    """What may be said of a difference beyond its interval; its fields are columns of ``comparison.csv``.

    Attributes:
        luck: the chance that the true difference has the other sign, every difference being as likely beforehand.
        smallest: the smallest true difference that is shown with a power of 80 % on so many units and seeds.
        supposed: the true difference supposed below: the one stated, else the one seen.
        units_needed: test units with which it is shown with that power; None if the runs differ too much for any.
        power: how often it is shown on the units and seeds that there are.
        wrong_sign: how often a difference that is shown then has the wrong sign.
        exaggeration: how many times too large a difference that is shown then is on average.
    """

    luck: float
    smallest: float
    supposed: float
    units_needed: int | None
    power: float
    wrong_sign: float
    exaggeration: float | None


def chances(
    difference: float, by_units: float, by_runs: float, units: int, stated: float | None = None, comparisons: int = 1
) -> Chances:
    """The chances of a difference.

    Args:
        difference: as seen.
        by_units: its standard error over test units.
        by_runs: that over runs.
        units: number of test units.
        stated: a true difference to suppose.
        comparisons: among which p-values are corrected: a difference is shown where p < 0.05 / comparisons.
    """
    error = float(np.hypot(by_units, by_runs))
    supposed = abs(difference) if stated is None else stated
    limit = float(-ndtri(0.025 / comparisons))
    reach = limit + float(ndtri(POWER))
    if error == 0:  # the methods decide alike on every unit in every run
        return Chances(0.5 if difference == 0 else 0.0, 0.0, supposed, None, 0.0, 0.0, None)
    room = (supposed / reach) ** 2 - by_runs**2
    needed = int(np.ceil(units * by_units**2 / room)) if room > 0 else None
    luck = float(ndtr(-abs(difference) / error))
    return Chances(luck, reach * error, supposed, needed, *shown(supposed / error, limit))


def shown(size: float, limit: float) -> tuple[float, float, float | None]:
    """Power, sign error and exaggeration of a true difference of so many standard errors; None for one of 0."""
    right, wrong = float(ndtr(size - limit)), float(ndtr(-size - limit))
    power = right + wrong
    if size == 0:
        return power, wrong / power, None
    density = sum(float(np.exp(-((size + sign * limit) ** 2) / 2)) for sign in (1, -1)) / float(np.sqrt(2 * np.pi))
    return power, wrong / power, (density + size * (right - wrong)) / (size * power)
