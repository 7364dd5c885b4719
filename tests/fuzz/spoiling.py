"""Ways to spoil texts, bytes and trees of values."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2.5, -0.5, 2**31, 2**63, -(2**63), 10**30, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", " ", "x", "1", "nan", "None", "yes", "../..", "/", "é", "🂡", "a" * 300, "\x00"),
    *([], {}, [None], [1, "a"], ["x"] * 30, [[]], {"a": 1}, {"class_path": "os.system"}, {"": {}}, {"1": [2]}),
)
"""Values that stand where something else is expected."""


@st.composite
def spoilt_bytes(draw: st.DrawFn, content: bytes) -> tuple[bytes, str]:
    """Content as a fault of a disk, a transfer or an editor leaves it, and what was done."""
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    length = draw(st.sampled_from([1, 1, 2, 8, 64, 512]))
    part, rest = content[:at], content[at + length :]
    some = draw(st.binary(min_size=1, max_size=16))
    ways: dict[str, Callable[[], bytes]] = {
        f"cut off after {at} bytes": lambda: part,
        f"byte {at} turned": lambda: part + bytes([(*content, 0)[at] ^ (1 << length % 8)]) + content[at + 1 :],
        f"{length} bytes from {at} on are zeros": lambda: part + bytes(min(length, len(content) - at)) + rest,
        f"{length} bytes from {at} on are gone": lambda: part + rest,
        f"{some!r} put in at {at}": lambda: part + some + content[at:],
        f"{length} bytes from {at} on are there twice": lambda: part + content[at : at + length] + content[at:],
        "empty": lambda: b"",
        "UTF-16": lambda: content.decode(errors="replace").encode("utf-16"),
        f"Latin-1 put in at {at}": lambda: part + "größer".encode("latin-1") + content[at:],
        f"a quotation mark put in at {at}": lambda: part + b'"' + content[at:],
        f"a line end put in at {at}": lambda: part + b"\r\n" + content[at:],
        "what follows is another file": lambda: content + b"\n" + content[: at + 1],
    }
    name = draw(st.sampled_from(sorted(ways)))
    return ways[name](), name


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values in a tree of mappings and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def keys_of(tree: Any) -> list[str]:
    """Names in a tree, each of which tells where in a file something is."""
    names = {str(path[-1]) for path in places(tree)}
    return sorted(
        name for name in names if len(name) > 1 and name not in {"class_path", "init_args"} and not name.isdecimal()
    )


def value_at(tree: Any, path: tuple[Any, ...]) -> Any:
    """The value at a path."""
    for key in path:
        tree = tree[key]
    return tree


@st.composite
def spoilt_tree(draw: st.DrawFn, tree: Any, fixed: tuple[str, ...] = ()) -> tuple[Any, str, tuple[Any, ...]]:
    """A tree with one change, what it is, and where.

    Args:
        draw: of the strategy.
        tree: mappings and lists.
        fixed: names of mappings whose keys are names of a vocabulary, so that another one means nothing.
    """
    tree = copy.deepcopy(tree)
    path = draw(st.sampled_from(list(places(tree))))
    owner, key = value_at(tree, path[:-1]), path[-1]
    dotted = ".".join(map(str, path))
    ways = ["odd", "gone", "wrapped", "another"]
    if isinstance(owner, dict) and (not fixed or key in fixed):
        ways += ["misspelt", "unknown"]
    way = draw(st.sampled_from(ways))
    if way == "odd":
        owner[key] = value = copy.deepcopy(draw(st.sampled_from(ODD)))
        return tree, f"{dotted} is {value!r:.60}", path
    if way == "gone":
        del owner[key]
        return tree, f"{dotted} is gone", path
    if way == "wrapped":
        owner[key] = [owner[key]]
        return tree, f"{dotted} is in a list", path
    if way == "another":
        other = draw(st.sampled_from(list(places(tree))))
        owner[key] = copy.deepcopy(value_at(tree, other))
        return tree, f"{dotted} is what {'.'.join(map(str, other))} is", path
    name = f"{key}s" if way == "misspelt" else "unheard_of"
    value = owner.pop(key) if way == "misspelt" else draw(st.sampled_from([1, "x", {"a": 1}]))
    owner[name] = value
    return tree, f"{dotted} is {way}: {name}", (*path[:-1], name)
