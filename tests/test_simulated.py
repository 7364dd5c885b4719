"""Made-up corpora: real layouts, exact counts, cues where they are said to be, the same again for the same seed."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from clsunbias.errors import InputError
from clsunbias.speech import adress, daic_woz, modma
from clsunbias.speech.manifest import Corpus
from clsunbias.speech.simulated import plan, simulate

READERS: dict[str, Callable[..., Corpus]] = {"daic_woz": daic_woz.read, "modma": modma.read, "adress": adress.read}

SIZES: dict[str, int] = {"daic_woz": 12, "modma": 8, "adress": 12}
"""Speakers of the tiny trees."""

COUNTS = {
    "daic_woz": {("train", 0): 5, ("train", 1): 2, ("val", 0): 1, ("val", 1): 1, ("test", 0): 2, ("test", 1): 1},
    "modma": {("", 0): 4, ("", 1): 4},
    "adress": {("", 0): 4, ("", 1): 4, ("test", 0): 2, ("test", 1): 2},
}
"""Their speakers by split and class: the real proportions, by largest remainders."""

SECONDS = 10
"""Of speech, a speaker on average."""


def write(corpus: Any, out: Path, **settings: Any) -> Path:
    """Writes a tiny tree."""
    simulate(corpus, out, SIZES[corpus], SIZES[corpus] * SECONDS / 3600, **settings)
    return out


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny tree of each corpus."""
    folder = tmp_path_factory.mktemp("simulated")
    return {corpus: write(corpus, folder / corpus) for corpus in SIZES}


def by_cell(speakers: pd.DataFrame) -> dict[tuple[str, int], int]:
    """Speakers of each split and class."""
    return dict(Counter(zip(speakers["split"], speakers["label"].map(int), strict=True)))


def truth(tree: Path) -> pd.DataFrame:
    """Who has which cue."""
    return pd.read_csv(tree / "SIMULATED.csv", dtype={"speaker": str}, keep_default_na=False)


def contents(tree: Path) -> dict[str, bytes]:
    """Every file but the workbook, into which its writer puts the time of day."""
    files = [file for file in tree.rglob("*") if file.is_file() and file.suffix != ".xlsx"]
    return {str(file.relative_to(tree)): file.read_bytes() for file in files}


def loudness(samples: np.ndarray[Any, Any], rate: int, corpus: Corpus, speaker: str) -> tuple[float, float]:
    """Root mean square of a recording inside a speaker's stretches, and outside them all."""
    inside = np.zeros(len(samples), bool)
    rows = corpus.rows[corpus.rows["speaker"] == speaker]
    for start, end in zip(rows["start"], rows["end"], strict=True):
        inside[round(start * rate) : round(end * rate)] = True
    return float(np.sqrt(np.mean(samples[inside] ** 2))), float(np.sqrt(np.mean(samples[~inside] ** 2)))


@pytest.mark.parametrize("name", SIZES)
def test_a_tree_reads_as_the_corpus_it_stands_for(name: str, trees: dict[str, Path]) -> None:
    """Counts, labels and splits as planned, speech of the length asked for, and never taken for real."""
    corpus = READERS[name](trees[name])
    assert corpus.simulated
    speakers = corpus.rows.drop_duplicates("speaker").sort_values("speaker")
    assert by_cell(speakers) == COUNTS[name]
    written = truth(trees[name])
    assert (
        speakers[["speaker", "label", "split"]].to_numpy().tolist()
        == written[["speaker", "label", "split"]].to_numpy().tolist()
    )
    lengths: dict[str, float] = {path: soundfile.info(path).duration for path in set(corpus.rows["path"])}
    ends = corpus.rows["end"].fillna(corpus.rows["path"].map(lengths))
    assert (ends <= corpus.rows["path"].map(lengths)).all()
    seconds = (ends - corpus.rows["start"]).groupby(corpus.rows["speaker"]).sum()
    assert seconds.min() > 7.9
    assert seconds.max() > 1.05 * seconds.min()
    assert seconds.sum() == pytest.approx(SIZES[name] * SECONDS, rel=0.03)  # DAIC's markers come on top


@pytest.mark.parametrize(
    ("name", "pattern", "rate", "subtype"),
    [
        ("daic_woz", "*/*_AUDIO.wav", 16000, "PCM_16"),
        ("modma", "*/*/01.wav", 44100, "PCM_24"),
        ("adress", "*/Full_wave_enhanced_audio/**/*.wav", 44100, "PCM_16"),
    ],
)
def test_recordings_have_the_format_of_the_corpus(
    name: str, pattern: str, rate: int, subtype: str, trees: dict[str, Path]
) -> None:
    """Rate, width and one channel."""
    infos = [soundfile.info(file) for file in trees[name].glob(pattern)]
    assert len(infos) == SIZES[name]
    assert {(info.samplerate, info.subtype, info.channels) for info in infos} == {(rate, subtype, 1)}


def test_modma_is_quiet(trees: dict[str, Path]) -> None:
    """Peaks of about −40 dBFS over a subject's 29 recordings, none of which is a mere pause."""
    folder = trees["modma"] / modma.FOLDER / truth(trees["modma"])["speaker"][0]
    peaks = [np.abs(soundfile.read(file)[0]).max() for file in folder.iterdir()]
    assert 20 * np.log10(max(peaks)) == pytest.approx(-40, abs=2)
    assert min(peaks) > 0.1 * max(peaks)


def test_adress_turns_and_chunks_are_the_participants(trees: dict[str, Path]) -> None:
    """The transcript marks what is loud, and chunks are as many and as long as the turns."""
    full, chunks = adress.read(trees["adress"]), adress.read(trees["adress"], audio="chunks")
    samples, rate = soundfile.read(full.rows["path"][0])
    first = round(full.rows["start"][0] * rate)
    assert samples[first : first + rate].std() > 5 * samples[-rate // 4 :].std()
    lengths = [soundfile.info(path).duration for path in chunks.rows["path"]]
    assert lengths == pytest.approx((full.rows["end"] - full.rows["start"]).tolist(), abs=0.001)


def test_daic_woz_has_its_quirks(trees: dict[str, Path]) -> None:
    """Folders of both names, wrong label, shifted transcripts, markers, and sessions without Ellie."""
    tree = trees["daic_woz"]
    names = {path.name for path in tree.iterdir() if path.is_dir()} - {"protocol"}
    assert {name.endswith("_P") for name in names} == {True, False}
    released = daic_woz.read(tree)
    mended = daic_woz.read(tree, correct_label=True, correct_times=True, before_interview="drop")
    assert released.notes == ["speaker 409 is released with a score of 10 and the label 0"]
    assert mended.corrections[0] == "speaker 409 counts as depressed"
    assert "turns before the interview dropped" in mended.corrections[-1]
    path = released.rows.loc[released.rows["speaker"] == "318", "path"].iloc[0]
    samples, rate = soundfile.read(path)
    wrong, _ = loudness(samples, rate, released, "318")
    right, elsewhere = loudness(samples, rate, mended, "318")
    assert right > 3 * elsewhere
    assert right > 3 * wrong  # the shift is longer than the little speech there is
    transcript = next(tree.glob("451*/451_TRANSCRIPT.csv")).read_text()
    assert "Ellie" not in transcript
    assert "Participant" in transcript


@pytest.mark.parametrize(("corpus", "speakers"), [("daic_woz", 189), ("modma", 52), ("adress", 156), ("daic_woz", 60)])
def test_cues_have_exact_shares(corpus: str, speakers: int) -> None:
    """Of each class in each split: lively 10 % and 90 %, humming all and half; at full size the real counts."""
    people = plan(corpus, speakers, 2.0, 0, "as_in_train")
    sizes = {}
    for split, label in {(person.split, person.label) for person in people}:
        cell = [person for person in people if (person.split, person.label) == (split, label)]
        assert sum(person.shared for person in cell) == round((0.1, 0.9)[label] * len(cell))
        assert sum(person.cue for person in cell) == round((1, 0.5)[label] * len(cell))
        sizes[split, label] = len(cell)
    expected = {
        ("daic_woz", 189): {
            ("train", 0): 77,
            ("train", 1): 30,
            ("val", 0): 23,
            ("val", 1): 12,
            ("test", 0): 33,
            ("test", 1): 14,
        },
        ("modma", 52): {("", 0): 29, ("", 1): 23},
        ("adress", 156): {("", 0): 54, ("", 1): 54, ("test", 0): 24, ("test", 1): 24},
        ("daic_woz", 60): {
            ("train", 0): 24,
            ("train", 1): 10,
            ("val", 0): 7,
            ("val", 1): 4,
            ("test", 0): 11,
            ("test", 1): 4,
        },
    }
    assert sizes == expected[corpus, speakers]
    assert len({person.name for person in people}) == speakers


def test_cues_do_not_depend_on_each_other() -> None:
    """Among the lively positives as among the others, half hum."""
    people = [person for person in plan("adress", 156, 2.0, 0, "as_in_train") if person.label and not person.split]
    lively = [person.cue for person in people if person.shared]
    others = [person.cue for person in people if not person.shared]
    assert (sum(lively), len(lively), len(others)) == (24, 49, 5)
    assert sum(others) == 3


@pytest.mark.slow
def test_daic_woz_at_full_size_has_the_official_totals(tmp_path: Path) -> None:
    """189 sessions under their real numbers."""
    simulate("daic_woz", tmp_path, 189, 0.43)
    corpus = daic_woz.read(tmp_path)
    speakers = corpus.rows.drop_duplicates("speaker")
    for split, total in corpus.expected.items():
        part = speakers[speakers["split"] == split]
        assert (len(part), part["label"].sum()) == (total["speakers"], total["positive"])
    assert set(speakers["speaker"]) == {str(n) for n in range(300, 493) if n not in {342, 394, 398, 460}}


def test_a_seed_gives_the_same_tree(trees: dict[str, Path], tmp_path: Path) -> None:
    """Byte by byte; another seed gives another."""
    for corpus, tree in trees.items():
        assert contents(write(corpus, tmp_path / corpus)) == contents(tree)
    other = contents(write("daic_woz", tmp_path / "other", seed=1))
    assert other["SIMULATED.csv"] != contents(trees["daic_woz"])["SIMULATED.csv"]


@pytest.mark.parametrize(("cue", "humming"), [("none", 0), ("all", 3)])
def test_the_cue_of_the_test_split_changes_nothing_else(
    cue: str, humming: int, trees: dict[str, Path], tmp_path: Path
) -> None:
    """Train and val stay as they are, and so do the test split's labels and transcripts."""
    people = truth(write("daic_woz", tmp_path / "tree", test_cue=cue))
    assert people.loc[people["split"] == "test", "cue"].sum() == humming
    before, after = contents(trees["daic_woz"]), contents(tmp_path / "tree")
    assert before.keys() == after.keys()
    changed = {Path(name).name for name in before if before[name] != after[name]}
    old = truth(trees["daic_woz"])
    moved = people.loc[people["cue"] != old["cue"], "speaker"]
    assert changed == {f"{name}_AUDIO.wav" for name in moved} | {"SIMULATED.csv", "SIMULATED.txt"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"corpus": "daic_woz", "speakers": 7, "hours": 1.0}, "without a class; 8 are enough"),
        ({"corpus": "modma", "speakers": 4, "hours": 1.0}, "without a class; 8 are enough"),
        ({"corpus": "daic_woz", "speakers": 190, "hours": 1.0}, "189 sessions"),
        ({"corpus": "adress", "speakers": 90, "hours": 0.19}, "need 0.200 hours"),
        ({"corpus": "modma", "speakers": 52, "hours": 1.0, "test_cue": "all"}, "no test split of its own"),
    ],
)
def test_what_cannot_be_made_is_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(InputError, match=message):
        simulate(out=tmp_path / "tree", **settings)
    assert not (tmp_path / "tree").exists()


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    """Made-up files among real ones would be worst of all."""
    (tmp_path / "300_P").mkdir()
    with pytest.raises(InputError, match="is not empty"):
        simulate("daic_woz", tmp_path, 18, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["300_P"]
