"""Files: where data lie, writing whole or not at all, and the hashes that tie a run's record to its config.

Nothing here needs torch, so that a command which only reads results starts at once.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from clsunbias.errors import InputError, listed
from clsunbias.terminal import warn

if TYPE_CHECKING:
    import pandas as pd


LARGEST_JSON = 10_000_000
"""Bytes of a JSON file that is read; a record has thousands."""

STRAY = {"thumbs.db", "desktop.ini", "__macosx"}
"""Names of what a desktop leaves, in lower case, beside what begins with a dot."""

_PACKAGE = Path(__file__).parent

CONFIGS = next(path for path in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if path.is_dir())
"""The shipped configs: inside an installed package, beside the package in a source tree."""


def shipped_configs() -> dict[str, Path]:
    """The shipped configs by name, such as ``retina`` and ``objectives/erm``."""
    return {path.relative_to(CONFIGS).with_suffix("").as_posix(): path for path in sorted(CONFIGS.rglob("*.yaml"))}


def find_config(asked: str | Path) -> Path:
    """A config by its path or, where there is no such file, a shipped one by its name.

    Args:
        asked: a path, or a name with or without ``configs/`` and ``.yaml``.

    Raises:
        InputError: neither is there; names that are like it are in the message.
    """
    path = Path(asked).expanduser()
    if path.is_file():
        return path
    shipped = shipped_configs()
    name = path.as_posix().removeprefix("configs/").removesuffix(".yaml")
    if name in shipped:
        return shipped[name]
    if path.is_dir():
        inside = f": {path / 'config.yaml'}" if (path / "config.yaml").is_file() else ""
        raise InputError(f"--config {asked} is a folder; give a file{inside}")
    last = {one: one.rpartition("/")[2] for one in shipped}
    near = get_close_matches(name.rpartition("/")[2], last.values())
    like_it = ", ".join(one for one in shipped if last[one] in near)
    raise InputError(
        f"there is no config {asked}: no such file, and none that comes with clsunbias"
        + (f"; like it are {like_it}" if like_it else "")
        + "; clsunbias configs lists them"
    )


def is_stray(path: Path) -> bool:
    """Whether a relative path is one that a desktop leaves, such as ``.DS_Store``, ``._x`` or ``Thumbs.db``."""
    return any(part.startswith(".") or part.lower() in STRAY for part in path.parts)


def files_to_score(folder: Path, kind: str, suffixes: Collection[str]) -> list[Path]:
    """The files of a folder that are to be scored, by name; what is left out is said.

    A file that is of the kind by its suffix must be one; any other is left out. What a desktop leaves is passed over.

    Args:
        folder: a folder.
        kind: what each file is, for messages, such as ``image``.
        suffixes: of such files, in lower case.

    Raises:
        InputError: no such file, or folders, whose files would go unscored.
    """
    found = sorted(one for one in folder.iterdir() if not is_stray(Path(one.name)))
    below = [one.name for one in found if one.is_dir()]
    if below:
        raise InputError(
            f"{folder} holds folders ({listed(below, 10)}), which are not read: give one folder of {kind}s at a time"
        )
    files = [file for file in found if file.suffix.lower() in suffixes]
    others = [file.name for file in found if file not in files]
    if not files:
        raise InputError(f"{folder} holds no {kind}s" + (f"; what is there: {listed(others)}" if others else ""))
    if others:
        warn(f"{folder}: left out, being no {kind}s by their names: {listed(others)}")
    return files


def check_memory(needed: int, what: str) -> None:
    """Raises InputError if what is to be read, which needs so many bytes, cannot be held in this machine's memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        raise InputError(
            f"{what} would take {needed / 2**30:.1f} GiB of memory, this machine has {memory / 2**30:.1f}: give less "
            "at a time, or look whether the file is what it says"
        )


def check_out(out: Path) -> None:
    """Raises InputError if a folder cannot be written, or not be made; nothing is."""
    there = next(one for one in (out, *out.absolute().parents) if os.path.lexists(one))
    if any(len(part.encode()) > 255 for part in out.parts):
        raise InputError(f"--out {out} has too long a name; give a shorter one")
    if not there.is_dir():
        raise InputError(f"--out {out} cannot be made: {there} is no folder; give another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"--out {out} cannot be written: {there} is read-only; give another")


@contextmanager
def writing(place: Path, then: str) -> Iterator[None]:
    """Raises InputError if files cannot be written to a place, because the disk is full, say; and what to do then."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}; {then}") from error


@contextmanager
def one_process_in(out: Path) -> Iterator[None]:
    """Keeps a run's folder for this process alone; raises InputError if another is at it."""
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / "checkpoints" / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise InputError(f"another process is at the run in {out}: wait for it, or give another --out") from error


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside path, which takes its place only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(path: Path, frame: "pd.DataFrame") -> None:
    """Writes a table atomically, nine significant digits (a float32 exactly)."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.9g")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, by whomever it was written.

    Raises:
        InputError: what is wrong with "it": no JSON, no object, a key twice, NaN, more or deeper than can be read.
        OSError: it cannot be read.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise InputError(f"it has {path.stat().st_size:,} bytes, more than the {LARGEST_JSON:,} of any such file")
    try:
        content = json.loads(path.read_text("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise InputError("it nests too deep") from error
    except UnicodeDecodeError as error:
        raise InputError("it is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise InputError(f"it is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError("it holds no JSON object")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise InputError(f"it has {twice!r} twice")
    return made


def _no_number(constant: str) -> float:
    raise InputError(f"it has {constant} in it, which JSON does not know")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Writes a text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def what_counts(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's saved config, less what does not change its result: where files lie, and what is displayed."""
    data, trainer = dict(config["data"]), config["trainer"]
    given = data.get("init_args", {})
    data["init_args"] = {name: value for name, value in given.items() if name not in {"root", "allow_leaks"}}
    kept = {**{name: value for name, value in config.items() if name != "init_from"}, "data": data}
    kept["trainer"] = {name: value for name, value in trainer.items() if not name.startswith("enable_")}
    return kept


def config_sha256(config: Mapping[str, Any]) -> str:
    """Hash of what counts of a run's saved config."""
    return _sha256(what_counts(config))


def sha256_of(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_of_other_data(result: Mapping[str, Any], path: Path | None, name: str = "source") -> bool:
    """Whether a result was made when a file that it rests on was another, by the hash ``NAME_sha256`` that it holds."""
    made_with = result.get(f"{name}_sha256")
    return bool(made_with and path and path.is_file() and sha256_of(path) != made_with)


def sealed(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result with the hash of its other fields, ``record_sha256``: a figure changed afterwards no longer fits it."""
    kept = {name: value for name, value in result.items() if name != "record_sha256"}
    return {**kept, "record_sha256": _sha256(kept)}


def check_seal(result: Mapping[str, Any]) -> None:
    """Raises InputError if a result does not fit its own hash."""
    if "record_sha256" not in result:
        raise InputError("it is no record of this suite (there is no record_sha256 in it)")
    if sealed(result)["record_sha256"] != result["record_sha256"]:
        raise InputError("it was changed after the run wrote it (it does not fit its record_sha256)")


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
