"""The stored studies: what is kept is what their files say, and a sample of it computed again."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from study import FOLDER, Study, load_study, names

# A rejected test or a covered truth may change sides by rounding, in no more than this many sets.
FLIPS = 2


@pytest.mark.parametrize("name", names())
def test_a_study_is_stored_as_its_file_says(name):
    study = Study.find(name)
    manifest = study.manifest
    assert study.identity().items() <= manifest.items(), f"run `make studies STUDY={name}`"
    content = (FOLDER / f"{name}.parquet").read_bytes()
    assert hashlib.sha256(content).hexdigest() == manifest["sha256"]
    keys = {name for part in study.parts.values() for name in part.grid.keys}
    table = load_study(name)
    assert len(table[["part", *keys]].drop_duplicates()) == len(study.conditions())


@pytest.mark.parametrize("name", names())
def test_a_studys_quickest_condition_computed_again_gives_the_same(name):
    study = Study.find(name)
    part, condition = min(study.conditions(), key=lambda one: one[1].n_groups * one[1].n_obs)
    again = study.compute(part, condition, n_jobs=1)
    stored = load_study(name, part)
    for label in list(again)[: list(again).index("slope_sd") + 1]:
        stored = stored[stored[label] == again[label].iloc[0]]
    stored = stored.reset_index(drop=True)[list(again)]
    replications = study.parts[part].grid.replications
    for column in again:
        if not pd.api.types.is_float_dtype(again[column]):
            assert list(stored[column]) == list(again[column]), column
        else:
            flips = FLIPS / replications if counted(column) else 0
            np.testing.assert_allclose(
                stored[column], again[column], rtol=1e-5, atol=1e-9 + flips, err_msg=column
            )


def counted(column):
    """Say whether a column is a share of data sets or tests."""
    return column in COUNTED or column.startswith(("share_", "agree_with", "slopes_covered"))


COUNTED = {
    f"{name}{end}"
    for name in ("coverage", "be_coverage", "power", "type_1_error", "power_at_size")
    for end in ("", "_mcse")
}
