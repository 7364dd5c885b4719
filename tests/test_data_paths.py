"""Where data are looked for: as the path says, then below the data root; a message names both places."""

from pathlib import Path

import pytest

from clsunbias.__main__ import main
from clsunbias.data import Speech, Tabular
from clsunbias.data_paths import find_data
from clsunbias.speech import Wav2Vec
from tests.fakes import table_of
from tests.speech_trees import fails
from tests.test_cli import CONFIGS

TABLE = ["fit", "--config", str(CONFIGS / "tabular.yaml"), "--model.network.in_features", "3"]
TABLE += ["--trainer.fast_dev_run", "true", "--data.path"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a table in ``mine`` and another below the root, ``data``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLSUNBIAS_DATA", raising=False)
    for name in ("mine", "data", "elsewhere"):
        Path(name).mkdir()
    table_of(60, 3).to_csv("mine/one.csv", index=False)
    table_of(60, 3).to_csv("data/two.csv", index=False)
    return tmp_path


def test_a_table_is_found_where_its_path_says(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """From here, below the root, wherever the root is."""
    for options in (["mine/one.csv"], ["two.csv"], ["./mine/one.csv", "--data.root", "elsewhere"]):
        assert main([*TABLE, *options]) == 0, capfd.readouterr().err
    assert find_data(Path("two.csv")) == Path("data/two.csv")
    assert find_data(here / "mine" / "one.csv", Path("elsewhere")) == here / "mine" / "one.csv"
    assert Tabular(Path("mine/one.csv"), "label").name == "one"


def test_a_table_that_is_nowhere(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Both places are named; of an absolute path there is one."""
    assert main([*TABLE, "three.csv", "--data.root", "elsewhere"]) == 2
    message = capfd.readouterr().err
    assert f"elsewhere/three.csv is missing, and there is no three.csv in {here} either" in message
    fails(Tabular(here / "three.csv", "label").load, f"{here / 'three.csv'} is missing; put the table there")


def test_a_corpus_by_its_name_and_by_its_path(here: Path) -> None:
    """A name is below the root, though a folder of that name may be here; a path is seen from here first."""
    for folder in ("mine", "data/there"):
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / "manifest.csv").touch()
    assert Speech("there").source == Path("data/there/manifest.csv")
    assert Speech("./mine").source == Path("mine/manifest.csv")
    assert (Speech("data/there").name, Speech("data/there").source) == ("there", Path("data/there/manifest.csv"))
    fails(
        Speech("mine").describe, "data/mine/manifest.csv is missing; for mine/manifest.csv, give --data.corpus ./mine"
    )
    fails(Speech("none").describe, "data/none/manifest.csv is missing, and there is no none/manifest.csv in", "prepare")


def test_weights_are_found_here_and_below_the_root(here: Path) -> None:
    """Of wav2vec."""
    Path("data/weights.pt").touch()
    assert Wav2Vec(checkpoint=Path("weights.pt")).weights == Path("data/weights.pt")
    Path("weights.pt").touch()
    assert Wav2Vec(checkpoint=Path("weights.pt")).weights == Path("weights.pt")
    fails(
        Wav2Vec(checkpoint=Path("none.pt")).settings,
        "data/none.pt is missing, and there is no none.pt in",
        "wav2vec_large.pt",
    )
