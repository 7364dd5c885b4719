"""Notebooks as they are stored: no outputs, and nothing defined in them. That they run is tested by running them."""

import ast
import copy
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbstripout import strip_output

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("0*.ipynb"))


def test_there_are_notebooks() -> None:
    """So that the tests below are of something."""
    assert len(NOTEBOOKS) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    """To mend: ``nbstripout notebooks/*.ipynb``."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    stripped = strip_output(copy.deepcopy(notebook), keep_output=False, keep_count=False, keep_id=True)
    assert notebook == stripped


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_define_nothing(path: Path) -> None:
    """What they need is in the package, where it is tested; they read and show."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            code = TransformerManager().transform_cell(cell.source)  # type: ignore[no-untyped-call]
            tree = ast.parse(code)
            defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
            assert not [node for node in ast.walk(tree) if isinstance(node, defined)], cell.source
