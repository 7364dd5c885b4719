"""What the machine refuses: a full disk, too many files, folders that are not for writing; said in one line."""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clsunbias.__main__ import main
from clsunbias.errors import REMEDIES
from tests.test_cli import SHORT_TOY, fit

Failing = list[int]


@pytest.fixture(scope="module")
def failing() -> Iterator[Failing]:
    """Error numbers with which the next files that are opened for writing fail, as long as there are any."""
    numbers: Failing = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if numbers and writes and not str(arguments[0]).startswith("/dev/"):
            raise OSError(numbers.pop(), "refused", str(arguments[0]))

    sys.addaudithook(hook)  # for good, and without effect when the list is empty
    yield numbers
    numbers.clear()


def said(capfd: pytest.CaptureFixture[str]) -> str:
    """The one message of a command."""
    error = capfd.readouterr().err
    assert "Traceback" not in error
    assert error.count("clsunbias: error: ") == 1
    return " ".join(error.partition("clsunbias: error: ")[2].split())


@pytest.mark.parametrize("number", sorted(REMEDIES))
def test_a_run_that_cannot_be_written(
    number: int, failing: Failing, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file, what the machine says, and what to do; then the same command ends well."""
    failing.append(number)
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 2
    message = said(capfd)
    assert str(tmp_path / "run") in message
    assert REMEDIES[number] in message
    assert not failing
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 0


@pytest.mark.parametrize("command", ["configs --copy {out}", "simulate adress --out {out} --speakers 14 --hours 0.05"])
def test_other_commands(command: str, failing: Failing, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each of them says so."""
    failing.append(errno.ENOSPC)
    assert main(command.format(out=tmp_path / "out").split()) == 2
    assert str(tmp_path / "out") in said(capfd)


def test_a_defect_keeps_its_traceback(failing: Failing, tmp_path: Path) -> None:
    """What no user can mend is not passed off as theirs."""
    failing.append(errno.EBADF)
    with pytest.raises(OSError, match="refused"):
        fit("toy_balanced", tmp_path / "run", *SHORT_TOY)
