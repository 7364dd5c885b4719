"""What of a run may leave this machine: nothing that says where on it, or with whom, something lies."""

import re
from pathlib import Path
from typing import Any

HIDDEN = "(on this machine)"
"""What stands in the place of a path."""

SOMEWHERE = re.compile(r"(?:^|[\s=:,;\"'(\[])(?:/|~|\.\.[/\\]|[A-Za-z]:[/\\]|\\\\)")
"""Where a text holds a path from the root, from somebody's home or out of the working folder, or an address."""


def without_places(value: Any) -> Any:
    """A config or a part of one, each text with such a path replaced; what is below the working folder stays."""
    if isinstance(value, dict):
        return {without_places(name): without_places(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(inner) for inner in value]
    return HIDDEN if isinstance(value, str | Path) and SOMEWHERE.search(str(value)) else value


def run_name(out: Path, objective: str, seed: int) -> str:
    """The end of a run's folder if that is below the working folder: the parts of another may name somebody."""
    folder = out.resolve()
    below = folder.is_relative_to(Path.cwd())
    return "/".join(folder.relative_to(Path.cwd()).parts[-2:] if below else (objective, str(seed)))
