"""Texts of somebody's own, such as names of classes and paths, in Markdown: shown as they are, whatever they hold."""

import re
from collections.abc import Sequence


def escaped(text: object) -> str:
    """A text in a paragraph, a heading or a cell of a table."""
    line = " ".join(str(text).split())
    line = re.sub(r"[\\`*{}\[\]|~$#]|(?<!\w)_|_(?!\w)", r"\\\g<0>", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: object) -> str:
    """A text as code within a paragraph; not for tables, in which code cannot hold a bar."""
    line = " ".join(str(text).split())
    ticks = fence(line, 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def code_block(lines: Sequence[str], language: str) -> str:
    """Lines as a block of code."""
    text = "\n".join(lines)
    ticks = fence(text, 3)
    return f"{ticks}{language}\n{text}\n{ticks}\n"


def fence(text: str, least: int) -> str:
    """More backticks than the text has in a row."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))
