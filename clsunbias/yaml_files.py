"""YAML files of other people's hands: read as text once it is known that they hold a mapping that can be parsed.

The events of the parser tell it, one by one: what nests too deep, or grows without end by references to itself, is
refused before anything is built of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from clsunbias.errors import InputError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where libyaml is there

LARGEST = 1_000_000
"""Bytes of a file; the configs here have hundreds."""

DEEPEST = 50
"""Levels within one another, of which the configs here have up to ten."""

MOST = 100_000
"""Values, those counted again that a reference stands for."""

TAGS = {"!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map"))}
"""Of YAML's own, what a value may be said to be."""


SECTION_SUFFIXES = {".yaml", ".yml", ".json"}
"""Of files that may stand for a section of a config."""


def read_yaml(path: Path, section: bool = False) -> str:
    """The text of a YAML file that holds a config, or a section of one.

    Args:
        path: of the file.
        section: whether it may be a section, which may be a list, too.

    Raises:
        InputError: no such file, a folder, no UTF-8, no YAML, no mapping, nothing in it, a key given twice, or more
            than a config can hold.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a YAML file")
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8-sig") if size <= LARGEST else ""
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if size > LARGEST:
        raise InputError(f"{path} has {size:,} bytes, more than a config of at most {LARGEST:,}; is it another file?")
    try:
        check_events(text, path, section)
    except yaml.YAMLError as error:
        mark, problem = (
            getattr(error, "problem_mark", None),
            getattr(error, "problem", None) or str(error).splitlines()[0],
        )
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        tabs = "; YAML is indented with spaces, never with tabs" if "\t" in text else ""
        raise InputError(f"{path} is no YAML{where}: {problem}{tabs}") from error
    return text


def check_section_files(options: Sequence[str]) -> None:
    """Raises InputError for a file given for a section (``--model model.yaml``) that :func:`read_yaml` refuses."""
    given = [word.partition("=")[2] if word.startswith("--") else word for word in options]
    check_files(given, Path(), set())


def check_files(texts: Iterable[str], folder: Path, seen: set[Path]) -> None:
    """Raises InputError for texts that are paths of such files, and for those that these name in turn."""
    for text in texts:
        path = folder / Path(text).expanduser()
        if path.suffix.lower() in SECTION_SUFFIXES and path not in seen and path.is_file():
            seen.add(path)
            check_files(texts_in(yaml.load(read_yaml(path, section=True), Loader)), path.parent, seen)


def texts_in(value: Any) -> Iterator[str]:
    """The texts that a value of a config holds, at any depth."""
    if isinstance(value, str):
        yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(inside)


def check_events(text: str, path: Path, section: bool) -> None:
    """Raises InputError for all that :func:`read_yaml` refuses of a text, but for what the parser itself says."""
    stack: list[Level] = [Level(mapping=False)]
    sizes: dict[str, int] = {}
    for event in yaml.parse(text, Loader):
        top, line = stack[-1], event.start_mark.line + 1 if event.start_mark else 1
        if (tag := getattr(event, "tag", None)) and tag not in TAGS:
            raise InputError(f"{path} has the tag {tag} in line {line}, which a config cannot have; take it out")
        if isinstance(event, yaml.NodeEvent) and len(stack) == 1:
            if not isinstance(event, yaml.MappingStartEvent) and not (
                section and isinstance(event, yaml.SequenceStartEvent)
            ):
                raise InputError(f"{path} holds no mapping, such as `seed_everything: 0`, but {kind(event)}")
            if top.size:
                raise InputError(f"{path} holds several documents; give each a file")
        if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            if isinstance(event, yaml.ScalarEvent) and top.is_at_key and event.value != "<<":
                if event.value in top.keys:
                    raise InputError(f"{path} gives {event.value!r} twice, the second time in line {line}: keep one")
                top.keys.add(event.value)
            if isinstance(event, yaml.AliasEvent) and event.anchor not in sizes:
                raise InputError(
                    f"{path} refers to *{event.anchor} in line {line}, which no &{event.anchor} has ended before"
                )
            if isinstance(event, yaml.ScalarEvent):
                sizes[event.anchor or ""] = 1
            top.add(sizes[event.anchor or ""])
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append(Level(isinstance(event, yaml.MappingStartEvent), event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            if done.anchor:
                sizes[done.anchor] = done.size
            stack[-1].add(done.size + 1)
        if len(stack) > DEEPEST + 1:
            raise InputError(f"{path} nests more than {DEEPEST} levels deep in line {line}: is it another file?")
        if stack[-1].size > MOST:
            raise InputError(f"{path} stands for more than {MOST:,} values, with its references (*name) in line {line}")
    if not stack[0].size:
        raise InputError(f"{path} is empty; clsunbias configs lists configs to copy")


class Level:
    """One level of a document: which keys it has, and how many values it stands for."""

    def __init__(self, mapping: bool, anchor: str | None = None) -> None:
        self.mapping = mapping
        self.anchor = anchor
        self.keys: set[str] = set()
        self.children = 0
        self.size = 0

    @property
    def is_at_key(self) -> bool:
        """Whether the next value is a key."""
        return self.mapping and self.children % 2 == 0

    def add(self, size: int) -> None:
        """Counts a value, of so many values."""
        self.children += 1
        self.size += size


def kind(event: yaml.NodeEvent) -> str:
    """What a document holds that is no mapping."""
    return "a list" if isinstance(event, yaml.SequenceStartEvent) else "a single text or number"
