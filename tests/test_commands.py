"""What all commands share: the help page, one style of options, and configs found by path or by name."""

import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from clsunbias.__main__ import COMMANDS, EXPERIMENTS, HELP, main
from clsunbias.files import CONFIGS, find_config
from tests.speech_trees import fails


def test_the_help_page_has_a_line_for_each_command(capfd: pytest.CaptureFixture[str]) -> None:
    """And is what is shown without a command; another name is refused."""
    assert sorted(re.findall(r"^  (\w+) {3,}", HELP, re.MULTILINE)) == sorted([*EXPERIMENTS, *COMMANDS])
    assert main([]) == 0
    assert capfd.readouterr().out == HELP
    assert main(["fitt"]) == 2
    assert "there is no command 'fitt'" in capfd.readouterr().err


def test_the_help_page_loads_nothing_heavy() -> None:
    """Neither a parser nor numpy: it is there at once."""
    code = "import sys; from clsunbias.__main__ import main; main([]); "
    code += "sys.exit(bool({'jsonargparse', 'numpy', 'yaml'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("command", EXPERIMENTS)
def test_the_help_of_an_experiment_is_a_screen(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is there at once; ``--help all`` has every option, and a class its own."""
    assert main([command, "--help"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith(f"usage: clsunbias {command} --config")
    assert shown.count("\n") < 50
    assert max(map(len, shown.splitlines())) <= 120
    code = f"import sys; from clsunbias.__main__ import main; main(['{command}', '-h']); "
    code += "sys.exit(bool({'jsonargparse', 'numpy', 'torch'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_help_of_an_experiment_leaves_none_of_our_options_out(capfd: pytest.CaptureFixture[str]) -> None:
    """Those beside trainer, model and data are all on the screen, and what is on it is an option."""
    from clsunbias.commands.fit import run

    shown = ""
    for command in EXPERIMENTS:
        assert main([command, "--help"]) == 0
        shown += capfd.readouterr().out
    parser = run(["--config", "toy_balanced"], execute=False).parser
    dests = {action.dest for action in parser._actions}
    own = {name for name in dests if not name.startswith(("trainer", "model", "data", "anneal")) and "." not in name}
    own -= {"help", "print_config", "print_shtab", "config"}
    assert own >= {"out", "seed_everything", "input"}
    for name in own:
        assert f"--{name} " in shown, name
    for name in re.findall(r"--((?:trainer|anneal)\.\w+)", shown):
        assert name in dests


def test_all_the_help_of_an_experiment(capfd: pytest.CaptureFixture[str]) -> None:
    """Every option of the trainer, and of a class what it takes."""
    for options, said in (("--help all", "--trainer.gradient_clip_val"), ("--data.help=Toy", "--data.train_seed")):
        with pytest.raises(SystemExit, match="0"):
            main(["fit", *options.split()])
        assert said in capfd.readouterr().out


@pytest.mark.parametrize("command", [*sorted(COMMANDS), "prepare daic_woz", "prepare manifest"])
def test_options_are_words_joined_by_dashes(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Of every command but the experiments', whose options are names in the config."""
    with pytest.raises(SystemExit) if command != "prepare" else nullcontext():
        main([*command.split(), "--help"])
    shown = capfd.readouterr().out
    assert f"usage: clsunbias {command}" in shown
    assert not re.findall(r"--[\w.-]*_[\w.-]*", shown)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    """It would take seconds; ``decide`` names its rules, whose classes need numpy."""
    heavy = {"torch", "pandas", "scipy", "soundfile", "joblib"} | (set() if command == "decide" else {"numpy"})
    code = "import atexit, sys; from clsunbias.__main__ import main; "
    code += (
        f"atexit.register(lambda: print(*({heavy} & {{*sys.modules}}), file=sys.stderr)); main(['{command}', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"usage: clsunbias {command}" in done.stdout
    assert done.stderr == "\n"


def test_preparing_a_corpus_needs_no_torch() -> None:
    """Nor does anything of speech but its networks."""
    code = "import sys, clsunbias.commands.prepare, clsunbias.commands.simulate, clsunbias.speech.features as _; "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("configs/retina.yaml", "retina.yaml"),
        ("retina.yaml", "retina.yaml"),
        ("retina", "retina.yaml"),
        ("configs/objectives/erm.yaml", "objectives/erm.yaml"),
        ("objectives/erm", "objectives/erm.yaml"),
        (CONFIGS / "tables" / "table2.yaml", "tables/table2.yaml"),
    ],
)
def test_configs_are_found_by_name(
    asked: str | Path, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder; a file that lies where the path says comes first."""
    monkeypatch.chdir(tmp_path)
    assert find_config(asked) == CONFIGS / found
    own = Path(asked)
    if not own.is_absolute():
        own.parent.mkdir(parents=True, exist_ok=True)
        own.touch()
        assert find_config(asked) == own


def test_names_near_a_wrong_one_are_told() -> None:
    """Whatever folder they are in; with nothing near, the command that lists them."""
    fails(lambda: find_config("configs/retnia.yaml"), "no config configs/retnia.yaml", "like it are retina", "configs")
    fails(lambda: find_config("erm"), "no config erm", "like it are", "objectives/erm")
    fails(lambda: find_config("/nowhere/zzz.yaml"), "with clsunbias; clsunbias configs lists them")


def test_configs_are_listed_and_copied(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A line each; all of them, once; a file that was changed stays, is named, and stops the copy."""
    assert main(["configs"]) == 0
    lines = capfd.readouterr().out.splitlines()
    files = sorted(path.relative_to(CONFIGS) for path in CONFIGS.rglob("*.yaml"))
    assert sorted(f"{line.split()[0]}.yaml" for line in lines) == [str(path) for path in files]
    assert any(re.fullmatch(r"objectives/erm +Empirical risk minimisation", line) for line in lines)
    for _ in range(2):
        assert main(["configs", "--copy", str(tmp_path)]) == 0
        assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.yaml")) == files
    (tmp_path / "retina.yaml").write_text("mine")
    (tmp_path / "voiced.yaml").unlink()
    capfd.readouterr()
    assert main(["configs", "--copy", str(tmp_path)]) == 2
    assert f"error: {tmp_path / 'retina.yaml'}: not as shipped" in capfd.readouterr().err
    assert (tmp_path / "retina.yaml").read_text() == "mine"
    assert not (tmp_path / "voiced.yaml").exists()
