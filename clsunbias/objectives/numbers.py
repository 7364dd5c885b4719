"""Numbers of an objective that schedules may move: each value is checked, whoever sets it."""

import math
from typing import Any

from clsunbias.errors import InputError


class NonNegative:
    """An attribute that holds a finite number of at least 0, and raises InputError naming it for any other."""

    needed = "a finite number of at least 0"

    def fits(self, value: float) -> bool:
        """Whether the attribute may hold a value."""
        return 0 <= value < math.inf

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.place = name, f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> float:
        if instance is None:
            raise AttributeError(self.name)  # the class itself has no value
        return float(instance.__dict__[self.place])

    def __set__(self, instance: Any, value: float) -> None:
        if not self.fits(value):
            raise InputError(f"{self.name} must be {self.needed}, got {value}")
        instance.__dict__[self.place] = float(value)


class Positive(NonNegative):
    """The same for a number above 0, such as a temperature."""

    needed = "a finite number above 0"

    def fits(self, value: float) -> bool:
        return 0 < value < math.inf


class BelowOne(NonNegative):
    """The same for a number in [0, 1)."""

    needed = "a number of at least 0 and below 1"

    def fits(self, value: float) -> bool:
        return 0 <= value < 1
