"""VOICED (doi 10.13026/C25Q2N): 208 speakers who each hold one vowel, healthy or with a voice disorder."""

from pathlib import Path

from clsunbias.speech.lines import Speaker, check_once, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus


def read(raw: Path) -> Corpus:
    """Reads ``labels.csv`` (columns speaker_id, wav, label and more; 1 is pathological) and the files that it names.

    A recording lasts under five seconds, so a segment is a quarter of the usual length. No split is official.

    Args:
        raw: folder of ``labels.csv``, to which the paths of its column ``wav`` are relative.

    Raises:
        InputError: ``labels.csv`` is absent or has an unknown label, a speaker listed twice or no such file.
    """
    lines = read_lines(raw / "labels.csv", ",", ("speaker_id", "wav", "label"))
    speakers = [Speaker(line.text("speaker_id"), line.binary("label"), "", line.where) for line in lines]
    check_once(speakers)
    return Corpus(
        to_rows(speaker.stretch(line.file("wav", raw)) for speaker, line in zip(speakers, lines, strict=True)),
        ("healthy", "pathological"),
        seconds=0.96,
        shares=(0.2, 0.3),
        notes=("labels are those of the corpus's own files; its article counts 58 healthy and 150 pathological",),
        expected={"all": {"speakers": 208, "positive": 151}},
        simulated=is_simulated(raw),
    )
