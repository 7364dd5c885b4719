"""Configs of runs and grids, spoilt as texts and as trees."""

import copy
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from hypothesis import strategies as st

from clsunbias.experiments.running import executor
from tests.fakes import TOY_GRID
from tests.fuzz.bases import TABLE, TOY, Stop, table_lines
from tests.fuzz.cases import Case, Expected, command
from tests.fuzz.spoiling import keys_of, spoilt_bytes, spoilt_tree

ALONE = ("--trainer.devices=1", "--trainer.num_nodes=1", "--trainer.strategy=auto", "--wandb=false")
"""What would start other processes or look for a network, out of the way."""

TEXTS: dict[str, bytes] = {
    "code that Python would run": b"seed_everything: !!python/object/apply:os.system ['touch pwned']\n",
    "code in a class": b"data: !!python/object/new:os.system ['touch pwned']\n",
    "an entity that grows": b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"%c: &%c [%b]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(8)),
    "an entity that holds itself": b"trainer: &t\n  max_epochs: 1\n  again: *t\n",
    "a thousand brackets": b"trainer: " + b"[" * 1000 + b"]" * 1000 + b"\n",
    "thirty thousand brackets": b"trainer: " + b"{a: " * 30000 + b"}" * 30000 + b"\n",
    "two documents": b"---\nseed_everything: 1\n---\nseed_everything: 2\n",
    "a list": b"- 1\n- 2\n",
    "a word": b"yes\n",
    "tabulators": b"trainer:\n\tmax_epochs: 1\n",
    "a date for a seed": b"seed_everything: 2024-01-01\n",
    "a number in base sixty": b"seed_everything: 1:30\n",
    "binary data": b"seed_everything: !!binary aGVsbG8=\n",
    "a set": b"trainer: !!set {a, b}\n",
    "nothing": b"",
    "a comment alone": b"# nothing\n",
}
"""Files that are no config, or one of another mind."""

FIELDS = (
    "seed_everything",
    "trainer",
    "model",
    "data",
    "anneal",
    "selection",
    "class_path",
    "init_args",
    "lr",
    "start",
    "end",
    "max_epochs",
    "max_steps",
    "network",
    "objective",
    "optimizer",
    "lam",
    "tau",
    "label",
    "path",
    "warmup",
)
GRID_FIELDS = (
    "title",
    "metrics",
    "also",
    "baselines",
    "rows",
    "columns",
    "protocols",
    "label",
    "config",
    "configs",
    "set",
    "seeds",
    "trainer.max_epochs",
)


@st.composite
def spoilt_yaml(draw: st.DrawFn, tree: Any, fields: tuple[str, ...]) -> tuple[bytes, list[str], Expected, list[str]]:
    """YAML of a tree with one thing about it: the file, what was done, what is to come of it, what names it."""
    way = draw(st.sampled_from(["tree", "tree", "tree", "bytes", "text", "form"]))
    if way == "text":
        name = draw(st.sampled_from(sorted(TEXTS)))
        return TEXTS[name], [name], "either", []
    if way == "form":
        forms: dict[str, bytes] = {
            "in one line": yaml.safe_dump(tree, default_flow_style=True, width=10**6).encode(),
            "in another order": yaml.safe_dump(dict(reversed(tree.items())), sort_keys=False).encode(),
            "with a byte order mark": b"\xef\xbb\xbf" + yaml.safe_dump(tree).encode(),
            "with line ends of Windows": yaml.safe_dump(tree).replace("\n", "\r\n").encode(),
            "with a comment in other letters": "# λ, 測定\n".encode() + yaml.safe_dump(tree).encode(),
            "as JSON": yaml.safe_dump(tree, default_flow_style=True, default_style='"', width=10**6).encode(),
        }
        name = draw(st.sampled_from(sorted(forms)))
        return forms[name], [name], "either" if name == "as JSON" else "right", []
    if way == "bytes":
        content, name = draw(spoilt_bytes(yaml.safe_dump(tree).encode()))
        return content, [name], "either", []
    spoilt, name, path = draw(spoilt_tree(tree, fields))
    refused = " is misspelt: " in name or " is unknown: " in name
    return yaml.safe_dump(spoilt).encode(), [name], "refused" if refused else "either", [str(path[-1])]


@st.composite
def config_cases(draw: st.DrawFn) -> Case:
    """A config of the toy or of a table."""
    tree = copy.deepcopy(draw(st.sampled_from([TOY, TABLE])))
    content, changes, expected, names = draw(spoilt_yaml(tree, FIELDS))
    files = {"my.yaml": content, "patients.csv": "\n".join([*table_lines(), ""]).encode()}
    return Case(files, changes, expected, ["my.yaml", "patients", *keys_of(tree), *names])


@st.composite
def grid_cases(draw: st.DrawFn) -> Case:
    """A grid of two methods on the toy."""
    tree = copy.deepcopy(TOY_GRID)
    content, changes, expected, names = draw(spoilt_yaml(tree, GRID_FIELDS))
    return Case({"my.yaml": content}, changes, expected, ["my.yaml", *keys_of(tree), *names])


def read_config(case: Case) -> str:
    """Trains on a config for a batch."""
    command("fit", "--config", "my.yaml", *ALONE, "--trainer.fast_dev_run", "true", "--out", "run")
    return "it ran code" if Path("pwned").exists() else ""


def read_grid(case: Case) -> str:
    """Plans a grid and checks the options of its runs, all but the training."""
    with mock.patch.object(executor, "execute_all", side_effect=Stop):
        try:
            command("reproduce", "my.yaml", "--out", "results", "--jobs", "1")
        except Stop:
            return "it ran code" if Path("pwned").exists() else ""
    return "nothing was to be run"
