"""Another order of rows: it changes lme4's last digits, and nothing that a caller could see."""

import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import other_rounding

pytestmark = pytest.mark.needs_r

UNSORTED = """
import numpy as np
from pymer4.models import Lmer
from mlmlearn import Condition, simulate

data = simulate(Condition(12, 30, 1, n_predictors=1), seed=1).data
data = data.sample(frac=1, random_state=3).reset_index(drop=True)
model = Lmer("DV ~ IV1 + (IV1 | Group)", data=data)
model.fit(summarize=False)
assert np.allclose(model.data["fits"] + model.data["residuals"], data["DV"])
own = model.fixef.loc[data["Group"].astype(str)]
lines = own["(Intercept)"].to_numpy() + own["IV1"].to_numpy() * data["IV1"].to_numpy()
assert np.allclose(model.data["fits"], lines)
"""


def test_another_order_moves_the_last_digits_of_a_large_fit_and_no_data():
    moved = other_rounding.changes(order=2)
    assert 0 < moved["ses"] < 0.01


def test_fitted_values_come_back_in_the_order_of_the_rows():
    command = [sys.executable, "-W", "ignore", "-c", UNSORTED]
    for order in (None, 2):
        subprocess.run(command, env=other_rounding.environment(order), check=True)


def test_the_order_is_nobodys_unless_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("ROW_ORDER", "2")
    monkeypatch.setenv("R_PROFILE_USER", "/somewhere")
    assert not {"ROW_ORDER", "R_PROFILE_USER"} & set(other_rounding.environment(None))
