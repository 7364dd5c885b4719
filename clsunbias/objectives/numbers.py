"""Numbers of an objective that schedules may move: each value is checked, whoever sets it."""

import math
from typing import Any

from clsunbias.errors import InputError


class NonNegative:
    """An attribute that holds a finite number of at least 0, and raises InputError naming it for any other."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.place = name, f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> float:
        if instance is None:
            raise AttributeError(self.name)  # the class itself has no value
        return float(instance.__dict__[self.place])

    def __set__(self, instance: Any, value: float) -> None:
        if not 0 <= value < math.inf:
            raise InputError(f"{self.name} must be a finite number of at least 0, got {value}")
        instance.__dict__[self.place] = float(value)
