"""Where data lie: as a path says, or below the data root."""

import os
from pathlib import Path


def data_root(root: Path | None) -> Path:
    """Where data lie: root if given, else $CLSUNBIAS_DATA, else ``data``."""
    return Path(root or os.environ.get("CLSUNBIAS_DATA") or "data").expanduser()


def find_data(asked: str | Path, root: Path | None = None) -> Path:
    """A file or folder of data: as its path says, seen from where one stands, if it is there; else below the root."""
    path = Path(asked).expanduser()
    return path if path.exists() else data_root(root) / path


def nowhere(asked: Path, below: Path, then: str) -> str:
    """The message that there are no data of a path, neither where one stands nor below the root, and what to do."""
    here = f", and there is no {asked} in {Path.cwd()} either" if asked != below else ""
    return f"{below} is missing{here}; {then}"


def cache_folder() -> Path:
    """Where what was made of data is kept for the next run: $CLSUNBIAS_CACHE, else ``~/.cache/clsunbias``."""
    return Path(os.environ.get("CLSUNBIAS_CACHE") or "~/.cache/clsunbias").expanduser()
