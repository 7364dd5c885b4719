"""In what two saved configs differ, in words, and a folder's name that says so."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clsunbias.errors import listed
from clsunbias.files import what_counts


class Difference(NamedTuple):
    """A parameter that has another value in a folder's config than it is to have."""

    name: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.name} is {self.there} there and {self.here} here"


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    """In what a folder's saved config differs from a run's, less what does not change a result.

    Of another class its own parameters are not listed; ``init_args`` is left out of the names, as on the command line.
    """
    return list(differing(what_counts(there), what_counts(here)))


def differing(there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = "") -> Iterator[Difference]:
    """The differences of two sections of the same name."""
    for name in dict.fromkeys([*here, *there]):
        ours, theirs, dotted = here.get(name), there.get(name), f"{prefix}{name}"
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            if ours.get("class_path") != theirs.get("class_path"):
                yield Difference(dotted, theirs.get("class_path"), ours.get("class_path"))
            else:
                yield from differing(theirs, ours, prefix if name == "init_args" else f"{dotted}.")
        elif ours != theirs:
            yield Difference(dotted, short(theirs), short(ours))


def short(value: Any) -> Any:
    """A value as a message shows it: of a class its path, and null as YAML has it."""
    return "null" if value is None else value.get("class_path", value) if isinstance(value, Mapping) else value


def in_words(found: list[Difference]) -> str:
    """Differences as the middle of a message."""
    return listed(map(str, found), 3)


def another_folder(out: Path, found: list[Difference], default: bool) -> Path:
    """A name for the folder of a run that differs so: ``runs/retina/erm-lr=0.001/0`` for ``runs/retina/erm/0``.

    Args:
        out: the folder that is taken.
        found: in what it differs.
        default: whether its name is fit's own, which ends with the seed.
    """
    parts = [f"{one.name.rpartition('.')[2]}={last(one.here)}" for one in found[:2]]
    mark = re.sub(r"[^\w.=+-]+", "_", "-".join(parts))[:60]
    taken = out.parent if default else out
    return taken.with_name(f"{taken.name}-{mark}") / (out.name if default else "")


def last(value: Any) -> str:
    """A value in a folder's name: of a class its name alone."""
    text = str(value)
    return text.rpartition(".")[2] if re.fullmatch(r"[A-Za-z_][\w.]*", text) else text
