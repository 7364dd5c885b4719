"""``clsunbias simulate``: made-up recordings in a speech corpus's raw layout."""

from pathlib import Path
from typing import Literal

from clsunbias.parser import Parser


def main(options: list[str]) -> int:
    """Runs ``clsunbias simulate CORPUS`` with its options; returns the exit status."""
    parser = Parser(prog="clsunbias simulate", description="Write made-up recordings in a corpus's raw layout.")
    parser.add_argument("corpus", type=Literal["daic_woz", "modma", "adress"], help="whose layout")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is empty or does not exist")
    parser.add_argument("--speakers", type=int, required=True, help="how many")
    parser.add_argument("--hours", type=float, required=True, help="of the speakers' speech, in all")
    parser.add_argument("--seed", type=int, default=0, help="the same gives the same recordings")
    parser.add_argument(
        "--test-cue",
        type=Literal["as_in_train", "none", "all"],
        default="as_in_train",
        help="who hums in the test split: as in the others, nobody, or everybody",
    )
    chosen = parser.parse_args(options)
    from clsunbias.speech.simulated import simulate  # which brings scipy, and takes seconds

    simulate(chosen.corpus, chosen.out, chosen.speakers, chosen.hours, chosen.seed, chosen.test_cue)
    print(f"recordings in {chosen.out}; next: clsunbias prepare {chosen.corpus} --raw {chosen.out} --out DIR")
    return 0
