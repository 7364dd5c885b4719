"""Audits of several trainings: means over seeds, methods against each other, and their intervals."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import f1_score

from clsunbias.__main__ import main
from clsunbias.audit.found import Audit, PartFound
from clsunbias.audit.seed_sections import gain_sections, gain_words
from clsunbias.audit.seeds import Averaged, Mean, averaged, by_method, pairs, parts_by_method
from clsunbias.audit.several import matched
from clsunbias.audit.together import together
from clsunbias.decisions.base import log_prob
from clsunbias.errors import InputError
from clsunbias.experiments.comparing.judging import Gain, judge
from clsunbias.experiments.comparing.pairing import paired
from clsunbias.experiments.comparing.reading import read
from tests.records import write_record
from tests.test_audit import SHORT
from tests.test_audit_measures import CLS_UNBIAS, ERM, Floats, Labels, relied_on, toy


def audit_of(method: str, seed: int, x: Floats, target: Labels, line: tuple[tuple[float, ...], float]) -> Audit:
    """The audit of a linear model, which finds f2 class-specific."""
    found = [
        PartFound(name, "column", None, one, 0.01, one.read.specific_p(target), [])
        for name, one in zip(("f1", "f2"), relied_on(x, target, line, 4), strict=True)
    ]
    scores = x @ np.array(line[0]) + line[1]
    prob = np.exp(log_prob(np.stack([expit(-scores), expit(scores)], axis=-1)))
    names = [str(number) for number in range(len(target))]
    about = f"{method}, seed {seed}", Path(method), ("negative", "positive"), "test", "unit", names
    return Audit(*about, target, prob, {}, found, [], method=method, seed=seed, settings=method)


def audits(units: int = 8000, draw: int = 0) -> list[Audit]:
    """Three trainings of each of two methods, whose weights differ a little from seed to seed."""
    x, target = toy(units, seed=draw)
    random = np.random.default_rng(draw)
    made = []
    for method, ((first, second), bias) in (("erm", ERM), ("cls_unbias", CLS_UNBIAS)):
        for seed in range(3):
            line = (first, second + 0.03 * random.normal()), bias
            made.append(audit_of(method, seed, x, target, line))
    return made


def of_f2(found: Sequence[Averaged]) -> dict[str, Averaged]:
    """Those of f2 by method."""
    return {one.method: one for one in found if one.part == "f2"}


def test_means_and_differences_are_those_of_the_toy() -> None:
    """Of f2 the index of ERM's evidence is −.31, of Cls-unbias's −.14: the difference is shown, that of f1 is not."""
    made = audits()
    named, classes = parts_by_method(by_method(made)), made[0].classes
    found = of_f2(averaged(named, classes))
    for name, index in (("erm", -0.31), ("cls_unbias", -0.14)):
        assert (found[name].seeds, found[name].specific, found[name].finding) == (3, 3, "class-specific")
        assert found[name].mean_index.value == pytest.approx(index, abs=0.05)
        assert found[name].mean_index.low < index < found[name].mean_index.high
        assert 0 < found[name].index_sd < 0.05
        assert found[name].mean_read.value == pytest.approx(-0.28, abs=0.05)  # what the data tell
    by_part = {one.part: one for one in pairs(named, classes)}
    assert by_part["f2"].p < 0.01 < 0.05 < by_part["f1"].p
    assert by_part["f2"].mean_index.low > 0.1
    difference = found["cls_unbias"].mean_index.value - found["erm"].mean_index.value
    assert by_part["f2"].mean_index.value == pytest.approx(difference)


def test_an_interval_is_of_units_and_of_seeds() -> None:
    """Over draws of both it holds the truth 95 times in 100; without the seeds' share it would not."""
    held = alone = 0
    for draw in range(200):
        random = np.random.default_rng(draw)
        unit, seed = random.normal(size=50), random.normal(size=(4, 1))
        values = (unit + seed).mean(1)
        influence = (unit - unit.mean()) / 50
        one = Mean(float(values.mean()), influence, float(values.var(ddof=1)) / 4, 4)
        held += one.estimate(50).low <= 0 <= one.estimate(50).high
        alone += abs(one.value) < 1.96 * one._replace(between=0.0).spread(50)[0]
    assert held >= 180
    assert alone < 150


def test_together_is_the_mean_of_trainings() -> None:
    """Of one training it is what that found; of two, means, whose test is not that of the one which reads no f2."""
    x, target = toy(1000)
    (first, second), bias = ERM
    one, other = (audit_of("erm", seed, x, target, ((first, w), bias)).parts for seed, w in enumerate((second, 1e-3)))
    assert [part.finding for part in together([one], target)] == [part.finding for part in one]
    both = together([one, other], target)
    for at, part in enumerate(both):
        for name in ("rise", "evidence", "read"):
            alone = [getattr(parts[at].reliance, name) for parts in (one, other)]
            for field in ("value", "influence"):
                mean = (getattr(alone[0], field) + getattr(alone[1], field)) / 2
                assert getattr(getattr(part.reliance, name), field) == pytest.approx(mean)
    assert [part.finding for part in both] == ["used, not shown to be specific", "class-specific"]


def test_one_objective_with_other_settings_is_another_method() -> None:
    """Named by its folder; and a seed that is given twice is refused."""
    one, other = audits()[:2]
    methods = by_method([one, replace(other, seed=0, settings="other", source=Path("runs/wide/0"))])
    assert [name.split(" (")[0] for name in methods] == ["erm", "erm"]
    assert "erm (wide)" in methods
    with pytest.raises(InputError, match="give each run once"):
        by_method([one, one])


def recorded(folder: Path, method: str, seed: int, validation: bool = True) -> Audit:
    """The audit of a made-up run, which is written, by its test units; it finds no part."""
    sizes = {"train": 40, "val": 60, "test": 90}
    labels = {split: np.arange(size) % 3 // 2 for split, size in sizes.items() if validation or split != "val"}
    config: dict[str, Any] = {"data": {}, "trainer": {}, "seed_everything": seed, "objective": method}
    skill = {"erm": 0.5, "cls_unbias": 1.5}[method]
    source = folder / method / str(seed)
    write_record(source, config, labels, dataset="toy", objective=method, skill=skill)
    frame = pd.read_csv(source / "predictions.csv").query("split == 'test'")
    about = f"{method}, seed {seed}", source, ("negative", "positive"), "test", "unit", list(map(str, frame["unit"]))
    prob = frame[["prob_0", "prob_1"]].to_numpy()
    return Audit(*about, labels["test"], prob, {}, [], [], method=method, seed=seed, settings=method)


def test_gains_over_seeds_are_those_of_compare(tmp_path: Path) -> None:
    """On the four seeds that both have, whatever their order; who flips, too."""
    made = {
        (method, seed): recorded(tmp_path, method, seed)
        for method, seeds in (("erm", [4, 3, 2, 1, 0]), ("cls_unbias", [1, 2, 3, 4, 9]))
        for seed in seeds
    }
    (found,) = matched(by_method(list(made.values())))
    assert (found.method, found.baseline, found.seeds) == ("cls_unbias", "erm", 4)
    assert found.gains == judge(paired([read(tmp_path / name, None) for name in ("erm", "cls_unbias")])).gains
    gain, ranking, threshold = found.gains
    f1 = [
        [
            f1_score(one.target, one.prob.argmax(1), average="macro")
            for one in (made[name, seed] for seed in range(1, 5))
        ]
        for name in ("erm", "cls_unbias")
    ]
    assert gain.value == pytest.approx(np.mean(f1[1]) - np.mean(f1[0]))
    assert gain.value == pytest.approx(ranking.value + threshold.value)
    assert gain.low < gain.value < gain.high
    assert {one.over for one in found.gains} == {"units and seeds"}
    target = made["erm", 1].target
    right = [
        np.array([made[name, seed].prob.argmax(1) == target for seed in range(1, 5)]) for name in ("erm", "cls_unbias")
    ]
    for label, flip in enumerate(found.flipped):
        assert flip.newly_right == (~right[0] & right[1])[:, target == label].sum() / 4
    said = gain_words(found)
    assert said.startswith(
        f"cls_unbias gains {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) in macro-F1 over erm"
    )
    assert said.endswith("on the 4 seeds that both have.")


def test_gains_of_few_seeds_have_no_interval(tmp_path: Path) -> None:
    """Of three; of one; of none in common there is no gain, nor is there one without validation units."""

    def against(ours: Sequence[int], validation: bool = True) -> tuple[Sequence[Gain], str]:
        first = [recorded(tmp_path, "erm", seed, validation) for seed in range(3)]
        (found,) = matched(by_method([*first, *(recorded(tmp_path, "cls_unbias", seed, validation) for seed in ours)]))
        assert bool(gain_sections([found])) == bool(found.gains)
        return found.gains, gain_words(found)

    for ours, told in ((range(3), "the 3 seeds that"), ([1], "the one seed that")):
        found, said = against(ours)
        assert all(np.isnan([one.low, one.high]).all() and np.isfinite(one.value) for one in found)
        assert told in said
        assert "(" not in said
    assert against([7, 8]) == ([], "cls_unbias and erm have no seed in common, by which a gain could be matched.")
    found, said = against(range(3), validation=False)
    assert list(found) == []
    assert "not known without validation units" in said


@pytest.mark.slow
def test_several_seeds_through_the_front_door(tmp_path: Path, capsys: Any) -> None:
    """Two trainings of two methods: means, their spread, and the pair, printed, on the page, and as CSV."""
    table = tmp_path / "table.csv"
    x, target = toy(900)
    frame = pd.DataFrame({"f1": x[:, 0], "f2": x[:, 1], "label": np.where(target, "positive", "negative")})
    frame.to_csv(table, index=False)
    runs = []
    for name in ("erm", "cls_unbias"):
        for seed in ("0", "1"):
            runs.append(str(tmp_path / name / seed))
            options = ["--config", "tabular", "--config", f"objectives/{name}.yaml", "--data.path", str(table)]
            options += ["--data.classes", '["negative","positive"]', "--model.network.in_features", "2"]
            options += ["--seed_everything", seed, "--trainer.max_epochs", "20", "--out", runs[-1], *SHORT]
            assert main(["fit", *options]) == 0
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["audit", *runs, "--split", "train", "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "erm: class-specific in 2 trainings together: f2 (mean index as read for positive -0." in said
    assert "in 2 of them by itself" in said
    seeds: Any = pd.read_csv(out / "seeds.csv").set_index(["method", "part"])
    assert set(seeds.index) == {(method, part) for method in ("erm", "cls_unbias") for part in ("f1", "f2")}
    assert seeds.loc[("erm", "f2"), "seeds"] == 2
    assert seeds.loc[("erm", "f2"), "together"] == "class-specific"
    assert seeds.loc[("erm", "f1"), "together_p"] > 0.05 > seeds.loc[("erm", "f2"), "together_p"]
    lines = pd.read_csv(out / "pairs.csv")
    assert set(zip(lines["method"], lines["baseline"], strict=True)) == {("cls_unbias", "erm")}
    assert "cls_unbias gains" in said
    assert "of which ranking" in said
    gains = pd.read_csv(out / "gains.csv")
    assert list(gains["part"]) == ["gain", "ranking", "threshold"]
    assert set(gains["seeds"]) == {2}
    assert gains[["low", "high"]].isna().all(axis=None)
    assert list(pd.read_csv(out / "flips.csv")["label"]) == ["negative", "positive"]
    page = (out / "audit.html").read_text()
    for title in ("How much of the gain in macro-F1 is threshold", "Who flips, compared with erm"):
        assert title in page
    assert 'id="seeds"' in page
    assert "Methods over their seeds" in page
    assert not (out / "changes.csv").exists()
    assert main(["audit", runs[0], runs[0]]) == 2
    assert "give each run once" in capsys.readouterr().err
