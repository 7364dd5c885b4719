"""The simulation behind the audit's claims, on fewer sets: what was planted is found, and little else."""

import numpy as np
import pytest

from benchmarks import audit_errors

FEW = 24


@pytest.fixture
def few_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer sets than the benchmark draws."""
    monkeypatch.setattr(audit_errors, "SETS", FEW)
    audit_errors.rates.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("few_sets")
def test_what_is_planted_is_found_and_little_else() -> None:
    """The audit finds f2 at the toy's strength, and little else; importance and a probe find f1 all the same."""
    found = audit_errors.rates("the toy's", 0.5)
    for name in ("model", "data"):
        assert found[name][audit_errors.PLANTED] >= 0.9
        assert found[name][[0, 2, 3]].max() <= 3 / FEW
    assert found["importance"][0] == found["probe"][0] == 1
    nothing = audit_errors.rates("nothing", 0.5)
    assert nothing["model"].max() <= 3 / FEW


@pytest.mark.usefixtures("few_sets")
def test_replicas_are_what_single_fits_are() -> None:
    """The same line for a set, whatever stands beside it; and a share's interval holds it."""
    x, target = audit_errors.sets(0.5, 0.5, 0)
    both = audit_errors.fitted(x[:3], target[:3])
    np.testing.assert_allclose(both[1:2], audit_errors.fitted(x[1:2], target[1:2]), rtol=1e-8)
    assert both[1, 0] > 0 > both[1, 1]
    low, high = audit_errors.interval(0.5)
    assert 0 < low < 0.5 < high < 1
    assert audit_errors.interval(0.0)[0] == 0
