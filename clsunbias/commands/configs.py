"""``clsunbias configs``: the configs that come with the package, listed or copied."""

import re
import shutil
from collections.abc import Collection
from itertools import takewhile
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.files import CONFIGS, atomic, shipped_configs
from clsunbias.parser import Parser


def main(options: list[str]) -> int:
    """Runs ``clsunbias configs`` with its options; returns the exit status."""
    parser = Parser(prog="clsunbias configs", description="List the configs that come with clsunbias, or copy them.")
    parser.add_argument("--copy", type=Path | None, metavar="DIR", help="where to; what differs there stays as it is")
    folder = parser.parse_args(options).copy
    configs = shipped_configs()
    if folder:
        copy(configs.values(), folder)
        print(f"{len(configs)} configs in {folder}")
        return 0
    width = max(map(len, configs))
    for name, path in configs.items():
        print(f"{name:{width}}  {about(path)}")
    return 0


def about(path: Path) -> str:
    """The first sentence of the comment that a config begins with."""
    comment = takewhile(lambda line: line.startswith("#"), path.read_text().splitlines())
    return re.split(r"(?<=[\w)])[.:] ", " ".join(line.removeprefix("#").strip() for line in comment))[0].rstrip(".")


def copy(configs: Collection[Path], folder: Path) -> None:
    """Copies shipped configs into a folder, in the same subfolders; raises InputError if a file there differs."""
    copies = {path: folder / path.relative_to(CONFIGS) for path in configs}
    differing = [
        str(there)
        for path, there in copies.items()
        if there.exists() and not (there.is_file() and there.read_bytes() == path.read_bytes())
    ]
    if differing:
        raise InputError(f"{', '.join(differing)}: not as shipped, and not overwritten; give another folder")
    for path, there in copies.items():
        with atomic(there) as temporary:
            shutil.copyfile(path, temporary)
