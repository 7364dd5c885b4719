"""Valid files to start from, made once by the suite itself before any child is forked."""

import os
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
import yaml

from clsunbias.__main__ import main
from clsunbias.callbacks import Checkpoints
from clsunbias.files import CONFIGS

Files = dict[str, bytes]

TOY: dict[str, Any] = {
    **yaml.safe_load((CONFIGS / "toy_balanced.yaml").read_text(encoding="utf-8")),
    "selection": {"class_path": "clsunbias.selection.LastStep"},
    "trainer": {"accelerator": "cpu", "max_steps": 41, "max_epochs": -1, "enable_progress_bar": False},
}
"""A config of a run of a second."""

TABLE: dict[str, Any] = {
    **yaml.safe_load((CONFIGS / "tabular.yaml").read_text(encoding="utf-8")),
    "trainer": {"accelerator": "cpu", "max_epochs": 4, "enable_progress_bar": False},
}
TABLE["model"] = {
    **TABLE["model"],
    "network": {"class_path": "torch.nn.Linear", "init_args": {"in_features": 2, "out_features": 1}},
}
TABLE["data"] = {
    "class_path": "clsunbias.data.Tabular",
    "init_args": {"path": "patients.csv", "root": ".", "label": "diagnosis", "batch_size": 16},
}
"""A config of a table in the current folder."""


def table_lines(rows: int = 60) -> list[str]:
    """Lines of a small table."""
    random = np.random.default_rng(0)
    lines = ["x0,x1,diagnosis"]
    for row in range(rows):
        label = int(row % 3 == 0)
        lines.append(f"{random.normal() + label:.4f},{random.normal():.4f},{('benign', 'malignant')[label]}")
    return lines


def files_below(folder: Path) -> Files:
    """Content by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Stop(BaseException):
    """Ends a run as nothing that it foresees would."""


@cache
def finished_runs() -> Files:
    """Two short runs of the toy, in ``runs/a`` and ``runs/b``."""
    with at_home() as home:
        (home / "toy.yaml").write_text(yaml.safe_dump(TOY))
        for name, seed in (("a", "1"), ("b", "2")):
            options = ["--config", "toy.yaml", "--seed_everything", seed, "--out", f"runs/{name}"]
            assert main(["fit", *options]) == 0
        return {name: content for name, content in files_below(home).items() if not name.endswith(".lock")}


@cache
def half_run() -> Files:
    """A short run of the toy that was interrupted after twenty steps, in ``run``."""
    with at_home() as home:
        (home / "toy.yaml").write_text(yaml.safe_dump(TOY))
        original, calls = Checkpoints.on_train_epoch_end, []

        def until(self: Checkpoints, *arguments: Any) -> None:
            original(self, *arguments)
            calls.append(1)
            if len(calls) == 20:
                raise Stop

        with mock.patch.object(Checkpoints, "on_train_epoch_end", until), suppress(Stop):
            main(["fit", "--config", "toy.yaml", "--save_every", "0", "--seed_everything", "1", "--out", "run"])
        files = files_below(home)
        assert "run/checkpoints/last.ckpt" in files
        return {name: content for name, content in files.items() if not name.endswith(".lock")}


@cache
def recordings() -> Files:
    """Twelve recordings of two classes and their list, in ``raw``."""
    with at_home() as home:
        (home / "raw").mkdir()
        lines = ["path,speaker,label,start,end"]
        for number in range(12):
            noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000 + 400 * number) * (1 + number % 2) / 2
            soundfile.write(home / "raw" / f"{number}.wav", noise, 8000)
            lines.append(f"{number}.wav,s{number},{('well', 'ill')[number % 2]},0.1,{0.9 + 0.05 * (number % 3)}")
        (home / "raw" / "recordings.csv").write_text("\n".join([*lines, ""]))
        return files_below(home)


@cache
def prepared_corpus() -> Files:
    """The recordings, prepared: both in ``data/mine``."""
    with at_home() as home:
        for name, content in recordings().items():
            path = home / "data" / "mine" / name  # below the manifest, which then tells of them by relative paths
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        assert main(["prepare", "manifest", "--raw", "data/mine/raw", "--out", "data/mine"]) == 0
        return files_below(home)


class at_home(tempfile.TemporaryDirectory):  # type: ignore[type-arg]
    """A new folder as the current one, for as long as the block lasts."""

    def __enter__(self) -> Path:
        self.before = Path.cwd()
        home = Path(super().__enter__())
        os.chdir(home)
        return home

    def __exit__(self, *details: Any) -> None:
        os.chdir(self.before)
        super().__exit__(*details)
