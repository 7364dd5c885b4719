"""The ``clsunbias`` command: names the commands at once, and loads only what the chosen one needs."""

import locale
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pkgutil import resolve_name
from types import FrameType
from typing import Any

from clsunbias import __version__
from clsunbias.errors import InputError, refused_by_machine

EXPERIMENTS = ("fit", "validate", "test", "predict")
COMMANDS = {
    "export": "export:main",
    "configs": "configs:main",
    "prepare": "prepare:main",
    "simulate": "simulate:main",
    "study": "study:main",
    "reproduce": "reproduce:reproduce",
    "report": "report:report",
    "compare": "compare:main",
    "decide": "decide:main",
    "audit": "audit:main",
    "dashboard": "dashboard:main",
}
"""Module and function of each command, which takes the command's options and returns the exit status."""

RUN_CLASSES = ("fit", "reproduce", "study", "export", "audit")
"""Modules of commands that import a user's own classes, from where the command is run; no other looks there."""

AFTERWARDS = dict.fromkeys(("fit", "reproduce", "study"), "what is done is kept, and the same command goes on")
START_AGAIN = "no file is half-written; start the same command again"
"""What to do when a signal has stopped a command."""

HELP = f"""clsunbias {__version__}: class-unbiased training for medical diagnosis

usage: clsunbias COMMAND [OPTION ...]        clsunbias COMMAND --help

experiments, each from one complete config and overlays, by their path or by the name of a shipped one
  fit         train, select a checkpoint on validation, test it once, write result.json
  validate    validation figures of a checkpoint
  test        figures of a checkpoint on every split
  predict     class probabilities of new inputs

  clsunbias fit --config configs/NAME.yaml [--config configs/objectives/OBJ.yaml] [--out DIR]
                [--data.root DIR] [--seed_everything N] [--SECTION.OPTION VALUE ...]

  export      the selected model as ONNX: clsunbias export RUN_DIR --onnx FILE
  configs     the shipped configs, to be read or copied: clsunbias configs [--copy DIR]

speech corpora, from the files as they come to a manifest of who speaks where
  prepare     check a corpus and write its manifest: clsunbias prepare CORPUS --raw DIR --out DIR
  simulate    write made-up recordings in a corpus's layout: clsunbias simulate CORPUS --out DIR --speakers N --hours H

your own data, from a file or a folder to a comparison
  study       look, write a grid, run it, report: clsunbias study DATA --label COLUMN [--patient COLUMN] [--dry-run]

reproduction of the paper (arXiv 2508.06943)
  reproduce   a table of the paper, ours beside the published one: clsunbias reproduce table1 [--out DIR]

results
  report      what a folder of runs shows, as a page to open in a browser: clsunbias report RUNS_DIR --html FILE
  compare     any two or more sets of predictions, paired: clsunbias compare A B [C ...] [--out DIR]
  decide      a decision rule for a run, without retraining: clsunbias decide RUN_DIR --rule NAME [--OPTION VALUE ...]
  audit       what a model leans on, class by class: clsunbias audit RUN_DIR [RUN_DIR ...] [--out DIR]
  dashboard   the same as a report on W&B of runs shown there: clsunbias dashboard RUNS_DIR --project P [--publish]
"""


def main(args: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        args: the command and its options; default those of the process.

    Returns:
        Exit status: 0 done, 1 some runs failed, 2 wrong input; 128 + N if signal N has stopped it.
    """
    if args is None:
        set_up_process()
    command, *options = list(sys.argv[1:] if args is None else args) or ["--help"]
    try:
        if command in {"--help", "-h"}:
            print(HELP, end="")
        elif command == "--version":
            print(__version__)
        elif command in EXPERIMENTS:
            if options and options[-1] in {"--help", "-h"}:
                load("experiment_help:show")([command])
            else:
                load("fit:run")([command, *(options[:-1] if options[-2:] == ["--help", "all"] else options)])
        elif command in COMMANDS:
            return int(load(COMMANDS[command])(options))
        else:
            raise InputError(f"there is no command {command!r}; see clsunbias --help")
    except InputError as error:
        print(f"clsunbias: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if not (message := refused_by_machine(error)):
            raise
        print(f"clsunbias: error: {message}; then the same command goes on from what is done", file=sys.stderr)
        return 2
    return 0


def set_up_process() -> None:
    """Has files read and written as UTF-8 whatever the locale, and signals end the process with their own status."""
    if not sys.flags.utf8_mode and locale.getencoding().lower() not in {"utf-8", "utf8"}:
        os.environ["PYTHONUTF8"] = "1"  # which Python looks at when it starts; its workers inherit it
        os.execv(sys.executable, [sys.executable, "-m", "clsunbias", *sys.argv[1:]])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    sys.unraisablehook = stop_again


def stop(number: int, frame: FrameType | None) -> None:
    """Ends the process as a signal asks, by way of whatever has to be put in order."""
    name, command = signal.Signals(number).name, next(iter(sys.argv[1:]), "")
    print(f"\nclsunbias: stopped by {name}; {AFTERWARDS.get(command, START_AGAIN)}", file=sys.stderr)
    sys.exit(128 + number)


def stop_again(lost: "sys.UnraisableHookArgs") -> None:
    """Sends a signal once more whose end of the process was lost, since Python was in an object's ``__del__``."""
    if isinstance(lost.exc_value, SystemExit) and isinstance(code := lost.exc_value.code, int) and code > 128:
        threading.Timer(0.1, os.kill, (os.getpid(), code - 128)).start()
    else:
        sys.__unraisablehook__(lost)


def load(function: str) -> Callable[[list[str]], Any]:
    """A command's function, imported now, not before."""
    if function.partition(":")[0] in RUN_CLASSES and "" not in sys.path:
        sys.path.insert(0, "")
    found: Callable[[list[str]], Any] = resolve_name(f"clsunbias.commands.{function}")
    return found


if __name__ == "__main__":
    sys.exit(main())
