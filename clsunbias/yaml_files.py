"""YAML files of other people's hands: read as text once it is known that they hold a mapping that can be parsed.

The events of the parser tell it, one by one: what nests too deep, or grows without end by references to itself, is
refused before anything is built of it.
"""

from pathlib import Path

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


def read_yaml(path: Path) -> str:
    """The text of a YAML file that holds a mapping.

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
        check_events(text, path)
    except yaml.YAMLError as error:
        mark, problem = (
            getattr(error, "problem_mark", None),
            getattr(error, "problem", None) or str(error).splitlines()[0],
        )
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        tabs = "; YAML is indented with spaces, never with tabs" if "\t" in text else ""
        raise InputError(f"{path} is no YAML{where}: {problem}{tabs}") from error
    return text


def check_events(text: str, path: Path) -> None:
    """Raises InputError for all that :func:`read_yaml` refuses of a text, but for what the parser itself says."""
    stack: list[Level] = [Level(mapping=False)]
    sizes: dict[str, int] = {}
    for event in yaml.parse(text, Loader):
        top, line = stack[-1], event.start_mark.line + 1 if event.start_mark else 1
        if (tag := getattr(event, "tag", None)) and tag not in TAGS:
            raise InputError(f"{path} has the tag {tag} in line {line}, which a config cannot have; take it out")
        if isinstance(event, yaml.NodeEvent) and len(stack) == 1:
            if not isinstance(event, yaml.MappingStartEvent):
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
