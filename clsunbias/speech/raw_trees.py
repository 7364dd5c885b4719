"""Writers of made-up corpora in the layout in which each real one is released, with its quirks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import soundfile

from clsunbias.files import write_text
from clsunbias.speech import adress, daic_woz, modma
from clsunbias.speech.voice import Samples, add_room, draw_voice, speak

TURN_SECONDS = 6.0
"""About how long a turn of the participant lasts."""

SYNC_MARKERS = ("<sync>", "<synch>", "[sync]", "[synch]", "[syncing]", "[synching]")
NO_ELLIE = ("451", "458", "480")
"""Sessions whose transcripts hold the participant's turns alone."""


@dataclass(frozen=True)
class Person:
    """A made-up speaker, whose split is empty where the corpus leaves it open, with seconds of speech.

    ``shared``: the cue that informs about both classes is high; ``cue``: the class-specific one is there.
    """

    name: str
    split: str
    label: int
    shared: bool
    cue: bool
    seconds: float

    def random(self, seed: int) -> np.random.Generator:
        """The speaker's own generator, which no other speaker has a part in."""
        return np.random.default_rng([seed, int(self.name.lstrip("S"))])


class ScriptedTurn(NamedTuple):
    """A turn of a made-up interview, in milliseconds; ``who`` is participant, agent, or marker."""

    who: str
    start: int
    end: int


def interview(
    person: Person, rate: int, random: np.random.Generator, lead_in: float = 0.0, preamble: bool = False
) -> tuple[Samples, list[ScriptedTurn]]:
    """A recording, in [−1, 1], of a participant and an agent who speak in turn, the participant last, and the turns.

    Before them are seconds of silence (``lead_in``) and, in a ``preamble``, a turn of the participant and a marker.
    """
    voice = draw_voice(random, person.shared, person.cue)
    agent = replace(draw_voice(random, True, False), pitch=205.0, pauses=0.1)
    count = max(2, round(person.seconds / TURN_SECONDS))
    shares = random.uniform(0.5, 1.5, count)
    lengths = np.round(person.seconds * 1000 * shares / shares.sum()).astype(int)
    asked = random.integers(800, 1600, count)
    gaps = random.integers(200, 600, 2 * count + 2)
    turns: list[ScriptedTurn] = []

    def add(who: str, length: int) -> None:
        start = (turns[-1].end if turns else round(lead_in * 1000)) + int(gaps[len(turns)])
        turns.append(ScriptedTurn(who, start, start + length))

    for place in range(count):
        if preamble and place == 1:
            add("marker", 500)
        if place or not preamble:
            add("agent", int(asked[place]))
        add("participant", int(lengths[place]))
    speech = np.zeros(round((turns[-1].end + 500) * rate / 1000), np.float32)
    for who, speaker in (("participant", voice), ("agent", agent)):
        spans = [(round(t.start * rate / 1000), round(t.end * rate / 1000)) for t in turns if t.who == who]
        at = np.concatenate([np.arange(*span) for span in spans])
        speech[at] = speak(speaker, (len(at) + 1) / rate, rate, random)[:-1]
    samples = add_room(speech, voice, rate, random)
    return samples * np.float32(random.uniform(0.3, 0.9) / np.abs(samples).max()), turns


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes lines into a file, and the folders that lead there."""
    write_text(path, "".join(f"{line}\n" for line in lines))


def write_wav(path: Path, samples: Samples, rate: int, subtype: str = "PCM_16") -> None:
    """Writes a recording, and the folders that lead there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype)


def write_daic_woz(out: Path, people: Iterable[Person], seed: int) -> None:
    """DAIC-WOZ: folders ``300`` and ``300_P``, labels in ``protocol``; turns before the interview in every third."""
    items = ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
    header = ",".join(["Participant_ID,PHQ8_Binary,PHQ8_Score,Gender", *(f"PHQ8_{item}" for item in items)])
    tables = {"train": [header], "val": [header], "test": ["Participant_ID,PHQ_Binary,PHQ_Score,Gender"]}
    unlabelled = ["participant_ID,Gender"]
    for place, person in enumerate(people):
        random = person.random(seed)
        name, gender = person.name, place % 2
        score = int(random.integers(10, 21) if person.label else random.integers(0, 10))
        offset = daic_woz.OFFSETS.get(name, 0.0)
        marker = SYNC_MARKERS[place // 3 % len(SYNC_MARKERS)] if place % 3 == 2 and name not in NO_ELLIE else ""
        samples, turns = interview(person, 16000, random, lead_in=offset, preamble=bool(marker))
        speakers = {"participant": "Participant\tsimulated speech", "agent": "Ellie\tsimulated question"}
        speakers["marker"] = f"Participant\t{marker}"
        lines = [
            f"{turn.start / 1000 - offset:.3f}\t{turn.end / 1000 - offset:.3f}\t{speakers[turn.who]}"
            for turn in turns
            if turn.who != "agent" or name not in NO_ELLIE
        ]
        folder = out / (name if place % 2 else f"{name}_P")
        write_wav(folder / f"{name}_AUDIO.wav", samples, 16000)
        write_lines(folder / f"{name}_TRANSCRIPT.csv", ["start_time\tstop_time\tspeaker\tvalue", *lines])
        if name == daic_woz.WRONGLY_HEALTHY:
            score = 10
        answers = [str(score // 8 + (item < score % 8)) for item in range(8)]
        if name == "319":
            answers[2] = ""
        row = [name + " " * (place % 10 == 0), str(person.label), str(score), str(gender)]
        tables[person.split].append(",".join(row if person.split == "test" else row + answers))
        if person.split == "test":
            unlabelled.append(f"{name},{gender}")
    for split, lines in tables.items():
        write_lines(out / "protocol" / daic_woz.LABEL_FILES[split][0], lines)
    write_lines(out / "protocol" / daic_woz.LABEL_FILES["test"][1], unlabelled)


def write_modma(out: Path, people: Iterable[Person], seed: int) -> None:
    """MODMA: 29 quiet recordings a subject, and a workbook whose ids are numbers."""
    folder = out / modma.FOLDER
    rows = []
    for place, person in enumerate(people):
        random = person.random(seed)
        voice = draw_voice(random, person.shared, person.cue)
        shares = random.uniform(0.5, 1.5, 29)
        # Each recording is spoken anew: speech begins with a syllable, so that none is a pause from end to end.
        parts = [speak(voice, seconds, 44100, random) for seconds in person.seconds * shares / shares.sum()]
        samples = add_room(np.concatenate(parts), voice, 44100, random)
        samples *= np.float32(0.01 * random.uniform(0.8, 1.2) / np.abs(samples).max())  # about −40 dBFS
        cuts = np.cumsum([len(part) for part in parts])[:-1]
        for number, part in enumerate(np.split(samples, cuts), start=1):
            write_wav(folder / person.name / f"{number:02d}.wav", part, 44100, "PCM_24")
        kind = ("HC", "MDD")[person.label] + " " * (place % 5 == 0)
        score = int(random.integers(10, 25) if person.label else random.integers(0, 5))
        rows.append((int(person.name), kind, int(random.integers(18, 56)), "MF"[place % 2], 12, score, None, None))
    columns = ["subject id", "type", "age", "gender", "education（years）", "PHQ-9", "Unnamed: 6", "Unnamed: 7"]
    pd.DataFrame(rows, columns=columns).to_excel(folder / modma.WORKBOOK, index=False)


def write_adress(out: Path, people: Iterable[Person], seed: int) -> None:
    """ADReSS: whole recordings with the investigator in them, CHAT transcripts, chunks, and padded meta data."""
    header = "ID   ; age ; gender ; mmse"
    tables = {"cc": [header], "cd": [header], "test": ["ID   ; age ; gender ; Label ; mmse"]}
    for person in people:
        random = person.random(seed)
        name, group = person.name, list(adress.GROUPS)[person.label]
        part, below = ("test", "") if person.split == "test" else ("train", group)
        samples, turns = interview(person, 44100, random)
        write_wav(out / part / "Full_wave_enhanced_audio" / below / f"{name}.wav", samples, 44100)
        lines = ["@UTF8", "@Begin", "@Languages:\teng", "@Participants:\tPAR Participant, INV Investigator"]
        spoken = [turn for turn in turns if turn.who == "participant"]
        for turn in turns:
            time = f"\x15{turn.start}_{turn.end}\x15"
            lines += ["*PAR:\tsimulated", f"\tspeech . {time}"] if turn in spoken else [f"*INV:\tquestion . {time}"]
            lines.append("%mor:\tn|simulated .")
        write_lines(out / part / "transcription" / below / f"{name}.cha", [*lines, "@End"])
        for number, turn in enumerate(spoken, start=1):
            chunk = samples[round(turn.start * 44.1) : round(turn.end * 44.1)]
            path = out / part / "Normalised_audio-chunks" / below / f"{name}-{number}-{turn.start}-{turn.end}.wav"
            write_wav(path, chunk * np.float32(0.9 / np.abs(chunk).max()), 44100)
        age, score, gender = random.integers((50, 8, 0), (80, 20, 2))
        score += 10 * (1 - person.label)
        if part == "test":
            tables["test"].append(f"{name} ; {age} ; {gender} ; {person.label} ; {score}")
        else:
            mmse = "NA" if len(tables[group]) % 20 == 0 else score
            tables[group].append(f"{name} ; {age} ; {('male', 'female')[gender]} ; {mmse}")
    for group in adress.GROUPS:
        write_lines(out / "train" / f"{group}_meta_data.txt", tables[group])
    write_lines(out / adress.TEST_LABELS[0], tables["test"])
