"""Configs that cannot be read: one message with the file and the line, before anything is built of them."""

from itertools import pairwise
from pathlib import Path

import pytest

from clsunbias.__main__ import main
from clsunbias.experiments.running.config import load_yaml
from clsunbias.yaml_files import check_section_files, read_yaml
from tests.speech_trees import fails

LETTERS = "abcdefghijk"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise(LETTERS)
)

WRONG: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "comment": ("# nothing else\n", "is empty"),
    "text": ("hello\n", "holds no mapping"),
    "list": ("- a\n", "holds no mapping, such as `seed_everything: 0`, but a list"),
    "latin-1": ("# café\n".encode("latin-1"), "is not UTF-8 (byte 6)"),
    "utf-16": ("seed_everything: 1\n".encode("utf-16"), "is not UTF-8"),
    "tab": ("trainer:\n\tmax_epochs: 1\n", "in line 2, column 1: found character"),
    "bracket": ("trainer: {max_epochs: 1\n", "in line 2"),
    "control": ("seed_everything: 1\0\n", "is no YAML: unacceptable character"),
    "twice": ("seed_everything: 1\nseed_everything: 2\n", "gives 'seed_everything' twice, the second time in line 2"),
    "twice below": ("trainer:\n  max_epochs: 1\n  max_epochs: 2\n", "gives 'max_epochs' twice"),
    "documents": ("a: 1\n---\na: 2\n", "several documents"),
    "bomb": (BOMB, "more than 100,000 values"),
    "itself": ("a: &a [*a]\n", "refers to *a in line 1"),
    "deep": ("a: " + "[" * 100_000, "more than 50 levels deep in line 1"),
    "tag": ("a: !!python/object:os.system [ls]\n", "has the tag tag:yaml.org,2002:python/object:os.system in line 1"),
    "large": ("a: " + "x" * 2_000_000, "2,000,003 bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_config(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By ``fit``, and where a grid or a saved config is read."""
    content, message = WRONG[name]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["fit", "--config", str(path), "--out", str(tmp_path / "run")]) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"clsunbias: error: {path} ")
    assert message in said
    assert said.count("\n") == 1
    fails(lambda: load_yaml(path), message)


def test_folders_and_files_that_are_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A run's folder is told from its config."""
    fails(lambda: read_yaml(tmp_path / "no.yaml"), "no.yaml cannot be read: No such file")
    fails(lambda: read_yaml(tmp_path), "is a folder")
    (tmp_path / "config.yaml").touch()
    assert main(["test", "--config", str(tmp_path)]) == 2
    assert f"is a folder; give a file: {tmp_path / 'config.yaml'}" in capfd.readouterr().err


def test_what_yaml_offers_is_read(tmp_path: Path) -> None:
    """References in reason, merged mappings, the same key at different places, a mark of the byte order."""
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeffbase: &base {a: 1, b: 2}\nother: {<<: *base, b: 3}\nx: [&y 4, *y]\n", encoding="utf-8")
    assert load_yaml(path) == {"base": {"a": 1, "b": 2}, "other": {"a": 1, "b": 3}, "x": [4, 4]}


SECTIONS = sorted(set(WRONG) - {"list"})


@pytest.mark.parametrize("name", SECTIONS)
def test_a_file_for_one_section(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Given for a section on the command line, or named in a config: the same as of whole configs."""
    content, message = WRONG[name]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "outer.yaml").write_text("model:\n  objective: mine.yaml\n")
    for options in (
        ["--model", str(path)],
        [f"--trainer={path}"],
        ["--model.objective", str(path)],
        ["--config", str(tmp_path / "outer.yaml")],
    ):
        assert main(["fit", "--config", "toy_balanced", *options, "--out", str(tmp_path / "run")]) == 2
        said = capfd.readouterr().err
        assert said.startswith(f"clsunbias: error: {path} ")
        assert message in said
        assert said.count("\n") == 1


def test_a_section_in_files_of_files(tmp_path: Path) -> None:
    """Files are found from the file that names them; a list may be a section, a file that names itself is the parser's
    to refuse.
    """
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "loss.json").write_text('{"class_path": "clsunbias.objectives.ERM", "class_path": 1}')
    (tmp_path / "model.yaml").write_text("parts: [below/loss.json]\n")
    fails(lambda: check_section_files(["--model", str(tmp_path / "model.yaml")]), "gives 'class_path' twice")
    (tmp_path / "below" / "loss.json").write_text("[1, 2]")
    (tmp_path / "model.yaml").write_text("parts: [below/loss.json, model.yaml]\n")
    check_section_files(["--model", str(tmp_path / "model.yaml"), "--out", "x.yaml", "--data.path", str(tmp_path)])


def test_the_splits_of_a_corpus_in_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The one section that ``prepare`` has."""
    path = tmp_path / "split.yaml"
    path.write_text("val: 0.1\nval: 0.2\n")
    command = ["prepare", "modma", "--raw", str(tmp_path), "--out", str(tmp_path / "out"), "--split", str(path)]
    assert main(command) == 2
    assert f"{path} gives 'val' twice" in capfd.readouterr().err
