"""What is seen of many runs while they are under way."""

from pathlib import Path

import pytest

from clsunbias.experiments.running.display import display, time_left
from clsunbias.experiments.running.run import Run
from clsunbias.files import write_json


@pytest.mark.parametrize(
    ("passed", "done", "total", "jobs", "left"),
    [
        (93, 2, 20, 2, 837),  # each took 93 s, two at a time
        (93, 2, 20, 1, 837),
        (93, 1, 20, 2, 883.5),  # the other worker has been at its run as long
        (100, 10, 20, 2, 100),
        (30, 3, 4, 8, 7.5),
        (30, 4, 4, 2, 0),
    ],
)
def test_time_left(passed: float, done: int, total: int, jobs: int, left: float) -> None:
    """As long as the others took on average, however far apart they ended."""
    assert time_left(passed, done, total, jobs) == pytest.approx(left)


def test_a_log_has_a_line_for_each_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Which run, what became of it, how many of all, and the time; none of it is taken for markup or broken."""
    folder = tmp_path / ("[red]" + "x" * 100)
    runs = [Run(folder / name, ()) for name in ("whole", "withheld", "failed")]
    write_json(runs[0].out / "result.json", {"val": {"macro_f1": 0.5}, "test": {"macro_f1": 0.75}})
    write_json(runs[1].out / "result.json", {"val": {"macro_f1": 0.5}})
    with display(3, 1) as advance:
        for run, error in zip(runs, ("", "", "Traceback\nMemoryError: too much\n"), strict=True):
            advance(run, error)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"1 of 3: {folder / 'whole'} done, test macro-F1 0.750; 0:00:0")
    assert "done, val macro-F1 0.500" in lines[1]
    assert "failed (MemoryError: too much)" in lines[2]
    assert lines[2].endswith("passed, 0:00:00 left")


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """It counts runs, those that failed, and the time left, and no line is printed for a run."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with display(2, 1) as advance:
        advance(Run(Path("one"), ()), "failed")
        advance(Run(Path("two"), ()), "failed")
    said = capfd.readouterr().err
    assert "2/2" in said
    assert "2 failed" in said
    assert "one" not in said
