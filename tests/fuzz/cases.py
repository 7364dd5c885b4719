"""Cases: an input as files, what is to come of it, and whether it did."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hypothesis.strategies import SearchStrategy

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from tests.fuzz.children import Outcome, attempt

LONGEST = 1200
"""Characters of a message that somebody still reads."""

Expected = Literal["right", "refused", "either"]


@dataclass(frozen=True)
class Case:
    """An input.

    Attributes:
        files: content by path below the case's folder.
        changes: what was done to a valid input, in words.
        expected: what is to come of it; ``either`` where only a reading of it can tell.
        names: of which a refusal names at least one.
        more: what else the kind's reading needs, as JSON holds it.
    """

    files: dict[str, bytes]
    changes: Sequence[str]
    expected: Expected
    names: Sequence[str]
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        cases: draws them.
        read: has the suite read a case in its folder, which is the current one: raises what the suite raises, returns
            what is wrong with the result, or nothing.
        share: of all inputs.
        seconds: after which reading one hangs.
        keeps: whether the files of a case must be the same afterwards.
    """

    cases: Callable[[], SearchStrategy[Case]]
    read: Callable[[Case], str]
    share: float
    seconds: float = 60.0
    keeps: bool = True


def try_case(kind: Kind, case: Case, parent: Path) -> tuple[Outcome, Path]:
    """What comes of a case in a new folder below a parent, and that folder."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    write_files(case.files, folder)
    size = sum(map(len, case.files.values())) / 1e6

    def work() -> str:
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        complaint = kind.read(case)
        return complaint or (changed(case, folder) if kind.keeps else "")

    outcome = attempt(work, folder, kind.seconds, megabytes=300 + 30 * size)
    return judged(case, outcome), folder


def judged(case: Case, outcome: Outcome) -> Outcome:
    """An outcome in the light of what was to come of a case."""
    if outcome.how == "right" and case.expected == "refused":
        return Outcome("wrong", "it was taken as it is")
    if outcome.how != "refused":
        return outcome
    said = outcome.said
    for fault, there in (
        ("it was refused, though nothing is wrong with it", case.expected == "right"),
        (f"it was refused in {len(said)} characters", len(said) >= LONGEST),
        (f"it was refused without a word of {' or '.join(case.names)}", not any(name in said for name in case.names)),
        ("it was refused with a traceback", "Traceback" in said),
    ):
        if there:
            return Outcome("wrong", f"{fault}: {said}")
    return outcome


def changed(case: Case, folder: Path) -> str:
    """A complaint if a file of a case is no longer as it was."""
    for name, content in case.files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            return f"{name} was changed or removed"
    return ""


def command(*options: str | Path) -> int:
    """Runs a command of clsunbias in this process; returns its status if it is 0 or 1, else raises what it said."""
    sys.stderr.flush()
    printed = Path("printed.txt")
    before = printed.stat().st_size
    status = main([str(option) for option in options])
    sys.stderr.flush()
    said = printed.read_bytes()[before:].decode(errors="replace")
    if status == 2:
        parts = said.split("clsunbias: error: ")
        if len(parts) != 2:
            raise AssertionError(f"status 2 with {len(parts) - 1} messages: {said}")
        raise InputError(parts[1])
    if status not in {0, 1}:
        raise AssertionError(f"status {status}: {said}")
    return status


def write_files(files: dict[str, bytes], folder: Path) -> None:
    """Writes the files of a case."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def save_case(kind: str, case: Case, outcome: Outcome, folder: Path) -> None:
    """Keeps a case, so that it can be tried again."""
    write_files(case.files, folder / "files")
    about = {name: value for name, value in asdict(case).items() if name != "files"}
    (folder / "case.json").write_text(json.dumps({"kind": kind, **about}, indent=1))
    (folder / "said.txt").write_text(f"{outcome.said}\n")


def saved_case(folder: Path) -> tuple[str, Case]:
    """A case that was kept, and its kind."""
    about = json.loads((folder / "case.json").read_text())
    home = folder / "files"
    files = {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    return about.pop("kind"), Case(files, **about)
