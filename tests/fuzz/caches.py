"""Features that were kept beside the manifest of a prepared corpus."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from clsunbias.data import Speech
from clsunbias.speech import features
from clsunbias.speech.frontends import LogMel
from tests.fuzz.bases import at_home, files_below, prepared_corpus
from tests.fuzz.cases import Case, write_files
from tests.fuzz.spoiling import spoilt_bytes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A prepared corpus with features, one of whose files is not what it was."""
    files = dict(prepared_features())
    name = draw(st.sampled_from(sorted(name for name in files if "raw" not in name or name.endswith("/3.wav"))))
    if draw(st.integers(0, 9)) == 0:
        del files[name]
        change = "gone"
    else:
        files[name], change = draw(spoilt_bytes(files[name]))
    return Case(files, [f"{name}: {change}"], "either", [Path(name).name, "features", "manifest.csv"])


def read(case: Case) -> str:
    """Loads a corpus, and compares its segments with those of the corpus as it was."""
    with mock.patch.object(features, "get_reusable_executor", Here):
        loaded = segments_of(Path("data"))
    wanted = segments_of_the_clean()
    if loaded.keys() != wanted.keys():
        return f"segments are of {sorted(loaded)}, were of {sorted(wanted)}"
    differing = [name for name, values in wanted.items() if not np.array_equal(values, loaded[name], equal_nan=True)]
    return f"other numbers than were extracted, of {differing[0]} and others" if differing else ""


def segments_of(root: Path) -> dict[str, Any]:
    """Every segment, by its split, class and name."""
    data = Speech("mine", root=root, front_end=LogMel(sample_rate=8000, bands=20), seconds=0.25)
    data.prepare_data()
    data.setup("fit")
    return {
        f"{split} {int(target)} {name}": row.numpy()
        for split, part in data.splits.items()
        for row, target, name in zip(part.x[:], part.target, part.units[1].names or [], strict=True)
    }


class Here:
    """A worker process that is this process."""

    def __init__(self, **_: Any) -> None: ...

    def map(self, function: Any, tasks: Any) -> Any:
        """Does all in order."""
        return map(function, tasks)


CLEAN: dict[str, Any] = {}


def prepared_features() -> dict[str, bytes]:
    """The prepared corpus with its features in place."""
    if "files" not in CLEAN:
        with at_home() as home, mock.patch.object(features, "get_reusable_executor", Here):
            write_files(prepared_corpus(), home)
            CLEAN["segments"] = segments_of(home / "data")
            CLEAN["files"] = files_below(home)
    return dict(CLEAN["files"])


def segments_of_the_clean() -> dict[str, Any]:
    """The segments of the prepared corpus."""
    prepared_features()
    return dict(CLEAN["segments"])
