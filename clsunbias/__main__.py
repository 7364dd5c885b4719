"""The ``clsunbias`` command: names the commands at once, and loads only what the chosen one needs."""

import sys
from collections.abc import Sequence

from clsunbias import __version__
from clsunbias.errors import InputError

EXPERIMENT = ("fit", "validate", "test", "predict")
HELP = f"""clsunbias {__version__}: class-unbiased training for medical diagnosis

usage: clsunbias COMMAND [OPTION ...]        clsunbias COMMAND --help

experiments, each from one complete config (configs/*.yaml) and overlays (configs/objectives/*.yaml)
  fit         train, select a checkpoint on validation, test it once, write result.json
  validate    validation figures of a checkpoint
  test        figures of a checkpoint on every split
  predict     class probabilities of new inputs

  clsunbias fit --config configs/NAME.yaml [--config configs/objectives/OBJ.yaml] [--out DIR]
                [--data.root DIR] [--seed_everything N] [--SECTION.OPTION VALUE ...]

  export      the selected model as ONNX: clsunbias export RUN_DIR --onnx FILE

speech corpora, from the files as they come to a manifest of who speaks where
  prepare     check a corpus and write its manifest: clsunbias prepare CORPUS --raw DIR --out DIR
  simulate    write made-up recordings in a corpus's layout: clsunbias simulate CORPUS --out DIR --speakers N --hours H

reproduction of the paper (arXiv 2508.06943)
  reproduce   a table of the paper, ours beside the published one: clsunbias reproduce table1 [--out DIR]

results
  report      what a folder of runs shows, as a page to open in a browser: clsunbias report RUNS_DIR --html FILE
  dashboard   the same as a report on W&B of runs shown there: clsunbias dashboard RUNS_DIR --project P [--publish]
"""


def main(args: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        args: the command and its options; default those of the process.

    Returns:
        Exit status: 0 done, 1 some runs failed, 2 wrong input.
    """
    command, *options = list(sys.argv[1:] if args is None else args) or ["--help"]
    try:
        if command in {"--help", "-h"}:
            print(HELP, end="")
        elif command == "--version":
            print(__version__)
        elif command in EXPERIMENT:
            from clsunbias.commands.fit import run

            if "" not in sys.path:  # a user's own classes, by their import path from where the command is run
                sys.path.insert(0, "")
            run([command, *options])
        elif command in {"prepare", "simulate"}:
            from clsunbias.commands.prepare import prepare, simulate

            return prepare(options) if command == "prepare" else simulate(options)
        elif command == "reproduce":
            from clsunbias.commands.reproduce import reproduce

            return reproduce(options)
        elif command == "report":
            from clsunbias.commands.report import report

            return report(options)
        elif command == "export":
            from clsunbias.commands.export import export

            if "" not in sys.path:
                sys.path.insert(0, "")
            export(options)
        elif command == "dashboard":
            from clsunbias.commands.dashboard import dashboard

            dashboard(options)
        else:
            raise InputError(f"there is no command {command!r}; see clsunbias --help")
    except InputError as error:
        print(f"clsunbias: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
