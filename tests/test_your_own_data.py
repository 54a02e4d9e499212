"""The chapter on a researcher's own file: its equations say the same to lme4."""

import numpy as np
import pandas as pd
import pytest
from conftest import BOBYQA, ROOT, r_frame

from mlmlearn import fit

pytestmark = pytest.mark.needs_r

PATH = ROOT / "book" / "data" / "survey.csv"
FIXED = "income ~ hours + shift + age_40"


@pytest.mark.parametrize("random", ["hours + shift", "hours", "1"])
def test_lme4_finds_what_the_chapter_shows(random):
    formula = f"{FIXED} + ({random} | person)"
    theirs = r_frame(
        f"local({{ d <- read.csv({str(PATH)!r}); d$age_40 <- d$age - 40; "
        f"m <- suppressMessages(lmerTest::lmer({formula}, d, control = {BOBYQA})); "
        "c <- summary(m)$coefficients; "
        "data.frame(estimate = c[, 1], se = c[, 2], df = c[, 3]) })"
    )
    data = pd.read_csv(PATH)
    data["age_40"] = data["age"] - 40
    ours = fit("mlm_full", formula, data, missing="drop").coefs
    # Without bars the same random effects, for the widest of the three.
    if random == "hours + shift":
        plain = fit("mlm_full", FIXED, data, group="person", missing="drop").coefs
        pd.testing.assert_frame_equal(plain, ours)
    moved = np.abs(theirs["estimate"].to_numpy() - ours["estimate"]) / ours["se"]
    assert moved.max() < 0.01
    np.testing.assert_allclose(theirs["se"], ours["se"], rtol=0.005)
    np.testing.assert_allclose(theirs["df"], ours["df"], rtol=0.05)
