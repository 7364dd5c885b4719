"""Finished runs, whose records, configs, curves, predictions and weights are not what they were."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from clsunbias.experiments.running.run import FILES
from clsunbias.files import config_sha256, sealed
from clsunbias.runs import load_run
from tests.fuzz.bases import TOY, finished_runs
from tests.fuzz.cases import Case, Expected, command
from tests.fuzz.spoiling import ODD, keys_of, spoilt_bytes, spoilt_tree

RUN = "runs/a"
READERS = {
    "report": ("result.json", "config.yaml", "predictions.csv"),
    "html": ("result.json", "config.yaml", "predictions.csv", "metrics.csv"),
    "load_run": ("result.json", "config.yaml", "predictions.csv", "metrics.csv", "checkpoints/selected.ckpt"),
    "fit": ("result.json", "config.yaml", "predictions.csv", "metrics.csv", "checkpoints/selected.ckpt"),
    "test": ("result.json", "config.yaml", "checkpoints/selected.ckpt"),
}
"""Who reads finished runs, and the files that it rests on."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Two finished runs, a file of one changed, sealed anew or not."""
    files = dict(finished_runs())
    reader = draw(st.sampled_from(["report", "report", "html", "load_run", "fit", "test"]))
    name = draw(st.sampled_from(["result.json", "result.json", "config.yaml", "predictions.csv", "metrics.csv"]))
    sealing = draw(st.booleans())
    name = draw(st.sampled_from([name, name, name, "checkpoints/selected.ckpt"])) if not sealing else name
    path = f"{RUN}/{name}"
    content, same = files[path], False
    if name == "result.json" and (sealing or draw(st.booleans())):
        tree, change, _ = draw(spoilt_tree(json.loads(content)))
        content = json.dumps(tree).encode()
        same = tree == json.loads(files[path])
    elif name == "config.yaml" and sealing:
        tree, change, _ = draw(spoilt_tree(yaml.safe_load(content)))
        content = yaml.safe_dump(tree, sort_keys=False).encode()
    elif name.endswith(".csv") and draw(st.booleans()):
        content, change = draw(spoilt_cells(content))
    else:
        content, change = draw(spoilt_bytes(content))
    expected: Expected = "refused" if name in READERS[reader] and not sealing and not same else "either"
    if name in {"result.json", "config.yaml"} and expected == "refused" and means_the_same(name, content, files[path]):
        expected = "either"
    files[path] = content
    if sealing:
        files[f"{RUN}/result.json"] = sealed_anew(files)
        change += ", sealed anew"
    expected = "either" if files == finished_runs() else expected
    names = [RUN, "result.json", Path(name).name, *keys_of(TOY), "unheard_of"]
    # A report of several runs leaves a spoilt one out, and says so.
    named = expected == "refused" and reader in {"report", "html"}
    expected = "either" if named else expected
    return Case(files, [f"{path}: {change}, for {reader}"], expected, names, {"reader": reader, "named": named})


def means_the_same(name: str, content: bytes, before: bytes) -> bool:
    """Whether a file holds the same values as before."""
    try:
        read: Any = json.loads if name == "result.json" else yaml.safe_load
        return bool(read(content.decode()) == read(before.decode()))
    except (ValueError, yaml.YAMLError, RecursionError):
        return False


@st.composite
def spoilt_cells(draw: st.DrawFn, content: bytes) -> tuple[bytes, str]:
    """A table with one cell, row or column changed."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    row = draw(st.integers(0, min(len(rows) - 1, 30)))
    column = draw(st.integers(0, len(rows[row]) - 1))
    way = draw(st.sampled_from(["cell", "cell", "row gone", "row twice", "column gone", "alone"]))
    if way == "cell":
        cell = str(draw(st.sampled_from([*filter(lambda odd: not isinstance(odd, dict | list), ODD), "0.5", "train"])))
        rows[row][column] = cell
        way = f"cell {column} of line {row + 1} is {cell!r:.40}"
    elif way == "column gone":
        rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
    else:
        rows = {"row gone": rows[:row] + rows[row + 1 :], "row twice": [*rows, rows[row]], "alone": rows[:1]}[way]
    return "".join(f"{','.join(cells)}\n" for cells in rows).encode("utf-8", "surrogateescape"), way


def sealed_anew(files: dict[str, bytes]) -> bytes:
    """The run's record with all hashes as its files are now, as somebody writes it who knows how."""
    result = json.loads(files[f"{RUN}/result.json"])
    if not isinstance(result, dict):
        return files[f"{RUN}/result.json"]
    result = copy.deepcopy(result)
    for name, path in FILES.items():
        if f"{RUN}/{path}" in files and f"{name}_sha256" in result:
            result[f"{name}_sha256"] = hashlib.sha256(files[f"{RUN}/{path}"]).hexdigest()
    try:
        result["config_sha256"] = config_sha256(yaml.safe_load(files[f"{RUN}/config.yaml"]))
        return json.dumps(sealed(result)).encode()
    except Exception:  # of a config that is none
        return json.dumps(result).encode()


def read(case: Case) -> str:
    """Has one of those read the runs who do."""
    reader = case.more["reader"]
    if reader == "load_run":
        load_run(RUN)
    elif reader == "fit":
        command("fit", "--config", "toy.yaml", "--seed_everything", "1", "--out", RUN)
    elif reader == "test":
        command("test", "--config", f"{RUN}/config.yaml")
    else:
        command("report", "runs", *(["--html", "page.html"] if reader == "html" else []))
        if case.more["named"] and RUN not in Path("printed.txt").read_text(errors="replace"):
            return "a spoilt run was shown as it is"
        page = Path("page.html")
        if reader == "html" and not (page.is_file() and page.read_text().rstrip().endswith("</html>")):
            return "there is no whole page"
        if not printed_numbers_are_finite():
            return "it shows what is no finite number"
    return ""


def printed_numbers_are_finite() -> bool:
    """Whether a report shows no NaN or infinity, but where it says that it refuses one."""
    text = " ".join(Path("printed.txt").read_text(errors="replace").lower().split())
    words = text.replace("it has nan in it", "").replace("it has infinity in it", "").split()
    return not any(word.strip("±▲▼│|,;()") in {"nan", "inf", "-inf"} for word in words)
