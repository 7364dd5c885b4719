"""How often the audit finds class-feature bias that was planted, and how often some where there is none.

On sets of :mod:`benchmarks.audit_sets` small networks are trained and audited as ``clsunbias audit`` does. Beside the
audit stand tests that are in use: permutation importance, which asks whether a part matters at all; a probe, which asks
whether the label is found in the part; a probe of attributes, which asks whether the network's features hold who has a
sign; and of speech whether the quietest frames alone tell the label. A set's line is written as soon as it is done, so
that the command goes on where it was stopped.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import mannwhitneyu

from benchmarks.audit_modalities import MODALITIES
from benchmarks.audit_rates import STRENGTHS, TRAININGS, rates, told, write
from benchmarks.audit_sets import Drawn
from benchmarks.timing import Row
from clsunbias.audit.features import features_found
from clsunbias.audit.found import ALPHA, corrected
from clsunbias.audit.parts import Part, parts_of
from clsunbias.audit.representation import attributes_found, silence_found
from clsunbias.audit.runs import codes_of, parts_found
from clsunbias.audit.scoring import Scorer
from clsunbias.audit.together import together
from clsunbias.module import Classifier
from clsunbias.objectives import ERM

SETS, PROBED, DRAWS = 200, 50, 4
AGAIN = "table with decoys"
"""What several trainings are tried on, for they take long."""

OUT = Path("docs/results/audit")


def drawn(modality: str, share: float, number: int) -> Drawn:
    """A set."""
    return MODALITIES[modality].draw(share, np.random.default_rng([number, round(100 * share)]))


def trained(modality: str, made: Drawn, seed: int) -> Classifier:
    """A model trained on a set."""
    torch.manual_seed(seed)
    return Classifier(MODALITIES[modality].fit(made.train), ERM()).eval()


def audited(modality: str, share: float, number: int) -> dict[str, Any]:
    """What each test finds in a set: whether it names what is planted, and whether anything without cause."""
    made = drawn(modality, share, number)
    model = trained(modality, made, number)
    scorer = Scorer(model, made.test)
    parts = parts_of(made.test.x[:], made.names)
    found = parts_found(scorer, parts, scorer.logs(), DRAWS)
    told = features_found(codes_of(scorer, parts, 2), scorer.target, 2)
    named = {
        "audit": {one.name for one in found if one.finding == "class-specific"},
        "data": {one.name for one in told if one.finding == "class-specific"},
        "importance": {one.name for one in found if one.used_p < ALPHA},
        "probe": probed(scorer, parts),
    }
    causes = made.planted | made.unclear
    line = {test: [bool(names & made.planted), bool(names - causes)] for test, names in named.items()}
    if made.planted and len(made.names) != 2 and number < PROBED:  # of two columns the features are the columns
        line["attributes"] = list(attributes(model, made))
    if modality.startswith("speech") and number < PROBED:
        (silence,) = silence_found(made.test, 2)
        line["silence"] = [silence.quiet.p < ALPHA] * 2
    parts_wrong = sorted(named["audit"] - causes)
    return {"modality": modality, "share": share, "set": number, **line, "without_cause": parts_wrong}


def trained_again(modality: str, share: float, number: int) -> dict[str, Any]:
    """What the audit finds in several trainings of a set together, of which :func:`audited` looks at the first."""
    made = drawn(modality, share, number)
    seeds = range(number, number + 10_000 * TRAININGS, 10_000)
    scorers = [Scorer(trained(modality, made, seed), made.test) for seed in seeds]
    parts = parts_of(made.test.x[:], made.names)
    trainings = [parts_found(scorer, parts, scorer.logs(), DRAWS) for scorer in scorers]
    names = {one.name for one in together(trainings, scorers[0].target) if one.finding == "class-specific"}
    found = [bool(names & made.planted), bool(names - made.planted - made.unclear)]
    return {"modality": modality, "share": share, "set": number, "together": found}


def probed(scorer: Scorer, parts: Sequence[Part]) -> set[str]:
    """Parts whose level differs between the classes by Mann and Whitney's test, corrected for their number."""
    measured = [part for part in parts if part.summary]
    target = scorer.target
    levels = [scorer.summaries(part) for part in measured]
    p_values = [float(mannwhitneyu(level[target == 1], level[target == 0]).pvalue) for level in levels]
    return {part.name for part, p in zip(measured, corrected(p_values), strict=True) if p < ALPHA}


def attributes(model: Classifier, made: Drawn) -> tuple[bool, bool]:
    """Whether a class's features hold who has the sign of one class, and who has that of both."""
    groups = {name: pd.Categorical([["no", "yes"][high] for high in sign]) for name, sign in made.signs.items()}
    found = attributes_found(model, made.test, groups, 2)
    held = {one.attribute for one in found if one.decoded.p < ALPHA}
    return "one" in held, "both" in held


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of the sets that are done."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def compute(file: Path, modalities: Sequence[str], numbers: Sequence[int]) -> None:
    """Audits the sets of these numbers that are not done yet, modalities and strengths in turn."""
    done = {(one["modality"], one["share"], one["set"], "together" in one) for one in read(file)}
    for number, modality, share in product(numbers, modalities, STRENGTHS.values()):
        again = modality == AGAIN and number < PROBED
        for way in (audited, trained_again) if again else (audited,):
            if (modality, share, number, way is trained_again) not in done:
                with file.open("a") as lines:
                    lines.write(json.dumps(way(modality, share, number)) + "\n")


def measure() -> list[Row]:
    """The rates of all modalities; of the sets that are not done first."""
    main([])
    return list(lines(rates(read(OUT / "errors.jsonl"))))


def lines(found: pd.DataFrame) -> Iterator[Row]:
    """Rows of the table of benchmarks."""
    for line in found.itertuples():
        target = ""
        if str(line.test).startswith("the audit"):
            power = "at least 0.9" if line.planted == "the toy's" else ""
            target = power if line.rate == "found" else "at most 0.05, upper end 0.08"
        yield Row(
            f"{line.test}: {line.rate}; {line.modality}, {line.planted} planted, {line.sets} sets", told(line), target
        )


def main(options: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.audit_errors``: audits sets, and writes the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_errors", description="Error rates of the audit.")
    parser.add_argument("--modality", action="append", choices=list(MODALITIES), help="default all")
    parser.add_argument("--first", type=int, default=0, help="number of the first set, so that several machines share")
    parser.add_argument("--sets", type=int, default=SETS, help="of each modality and strength")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="folder of errors.jsonl, errors.csv, errors.md, errors.png"
    )
    chosen = parser.parse_args(options)
    torch.set_num_threads(1)
    chosen.out.mkdir(parents=True, exist_ok=True)
    numbers = range(chosen.first, chosen.first + chosen.sets)
    compute(chosen.out / "errors.jsonl", chosen.modality or list(MODALITIES), numbers)
    write(read(chosen.out / "errors.jsonl"), chosen.out)


if __name__ == "__main__":
    main()
