"""Which module may import which."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import clsunbias

PACKAGE = Path(clsunbias.__file__).parent
LATE = {("clsunbias.experiments.running.executor", "clsunbias.commands.fit")}
"""A worker does a run by the command's own function."""


def imports(path: Path) -> set[str]:
    """Modules of the suite that a module imports when it runs, late imports too; those for types alone do not count."""
    tree = ast.parse(path.read_text())
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name in MODULES}


MODULES = {
    ".".join(("clsunbias", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
EXPERIMENTS = {name: imports(path) - {name} for name, path in MODULES.items() if ".experiments." in name}


def test_experiments_do_not_import_commands() -> None:
    """But for the one that does a run."""
    crossing = {(name, other) for name, others in EXPERIMENTS.items() for other in others if ".commands" in other}
    assert crossing == LATE


def test_nothing_imports_the_papers_tables() -> None:
    """But the command that makes them."""
    importing = {
        name
        for name, path in MODULES.items()
        if any(".experiments.paper" in other for other in imports(path)) and ".paper" not in name
    }
    assert importing == {"clsunbias.commands.reproduce"}


def test_no_circle() -> None:
    """In the whole package, not even of late imports."""
    TopologicalSorter({name: imports(path) - {name} for name, path in MODULES.items()}).prepare()
