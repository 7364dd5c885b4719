"""``clsunbias export``: the selected model of a run as ONNX, checked against torch before the file is left."""

from pathlib import Path

from clsunbias.parser import Parser
from clsunbias.terminal import say


def main(options: list[str]) -> int:
    """Runs ``clsunbias export`` with its options; returns the exit status."""
    parser = Parser(prog="clsunbias export", description="The selected model of a run, as class probabilities in ONNX.")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--onnx", type=Path, required=True, help="the file to write")
    chosen = parser.parse_args(options)
    from clsunbias.onnx_export import export  # which brings torch, and takes seconds

    difference = export(chosen.run, chosen.onnx)
    say(f"{chosen.onnx}: largest difference from torch {difference:.2g}")
    return 0
