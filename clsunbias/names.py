"""What a class is called in folders, files, tables and on the command line."""

import re


def snake_case(name: str) -> str:
    """A class's name in snake case: ``EMPrior`` is ``em_prior``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
