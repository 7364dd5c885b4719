"""Notebooks as they are stored: what they show can be read without running them, and nothing is defined in them."""

import ast
import copy
import re
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbstripout import strip_output

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("0*.ipynb"))
BY_NAME = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[Any]:
    """A notebook's cells of code, in order."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown_text(cell: Any) -> str:
    """What a cell printed or showed as text."""
    data = [
        str(output.get("data", {}).get(kind, "")) for output in cell.outputs for kind in ("text/plain", "text/markdown")
    ]
    return "\n".join(data + [output.text for output in cell.outputs if output.output_type == "stream"])


def test_there_are_notebooks() -> None:
    """So that the tests below are of something; together they are light enough to be read on the web."""
    assert len(NOTEBOOKS) >= 3
    assert sum(path.stat().st_size for path in NOTEBOOKS) < 1_000_000


@BY_NAME
def test_notebooks_are_stored_as_they_ran(path: Path) -> None:
    """Each cell of code, in order, without errors, warnings or paths of a machine. To mend: ``make notebooks``."""
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
        shown = shown_text(cell)
        assert not re.search(r"Traceback|Warning", shown)
        assert not re.search(r"(?<![\w.)])/\w+/\w", shown), shown


@BY_NAME
def test_notebooks_hold_nothing_of_their_run_but_outputs(path: Path) -> None:
    """No times, no state of widgets: ``make notebooks`` takes them out."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    stripped = strip_output(copy.deepcopy(notebook), keep_output=True, keep_count=True, keep_id=True)
    assert notebook == stripped
    assert "widgets" not in notebook.metadata
    assert not any("execution" in cell.metadata for cell in notebook.cells)


def test_the_shown_figures_are_those_of_the_results() -> None:
    """The notebook on Table 2 was run on the cells that are published now."""
    (path,) = [path for path in NOTEBOOKS if "table2" in path.stem]
    shown = "\n".join(shown_text(cell) for cell in code_cells(path))
    cells = pd.read_csv(ROOT / "docs" / "results" / "table2.csv")
    ours = cells.query("row == 'Cls-unbias' and metric == 'test/macro_f1'")
    assert len(ours) >= 8
    for _, cell in ours.iterrows():
        numbers = [f"{cell[name]:.3f}" for name in ("value", "sd")] + [str(cell["n"])]
        numbers += [f"{cell[name]:.3f}" for name in ("low", "high")]
        assert re.search(re.escape(cell["column"]) + r" +" + r" +".join(map(re.escape, numbers)), shown), numbers


@BY_NAME
def test_notebooks_define_nothing(path: Path) -> None:
    """What they need is in the package, where it is tested; they read and show."""
    for cell in code_cells(path):
        code = TransformerManager().transform_cell(cell.source)  # type: ignore[no-untyped-call]
        defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        assert not [node for node in ast.walk(ast.parse(code)) if isinstance(node, defined)], cell.source
