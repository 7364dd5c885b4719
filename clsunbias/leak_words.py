"""What is said of leaks between splits; a record is read without loading what finds them."""

from collections.abc import Mapping
from typing import Any

KINDS = {"name": "of one name, but for blanks and case", "equal": "of equal {}", "near": "of nearly equal {}"}

STATUS = {
    "official": "The splits are the official ones, left as they are so that results compare with those of others",
    "allowed": "The run was asked for all the same (allow_leaks)",
}
"""Why a run with leaks was not stopped."""


def in_words(certificate: Mapping[str, Any]) -> str:
    """A certificate as a card says it."""
    unit, compared, found = certificate["unit"], certificate["compared"], certificate["found"]
    checked = [*([f"the names of each {unit}"] if unit else []), *([compared] if compared else [])]
    if any(found.values()):
        kinds = [f"{count} pairs {KINDS[kind].format(compared)}" for kind, count in found.items() if count]
        why = STATUS[certificate["status"]]
        return f"Different splits share units: {', '.join(kinds)}, so that metrics flatter. {why}"
    if not checked:
        return "Leaks between splits were not looked for: units have no names, and rows are none that can be compared"
    return f"No leak between splits was found; compared were {' and '.join(checked)}"
