"""The reference run: complete, unharmed, and what anyone would compute again."""

import pytest

from mlmlearn import POST_STRATEGIES, Grid, load_reference, simulate


@pytest.fixture(scope="module")
def reference():
    return load_reference()


def test_the_reference_run_is_the_whole_grid(reference):
    grid = Grid()
    assert reference.manifest["grid"] == {
        "n_groups": list(grid.n_groups),
        "n_obs": list(grid.n_obs),
        "group_sd": list(grid.group_sd),
        "replications": grid.replications,
    }
    assert reference.manifest["engine"] == "pymer4"
    counts = reference.diagnostics.groupby(["n_groups", "n_obs", "group_sd", "strategy"]).size()
    assert len(counts) == len(list(grid.conditions())) * len(POST_STRATEGIES)
    assert (counts == grid.replications).all()
    assert len(reference.fits) == 4 * len(reference.diagnostics) == 36_000
    assert not reference.diagnostics["messages"].str.startswith("failed:").any()
    assert reference.fits[["estimate", "se", "df", "t", "p"]].notna().all(axis=None)


def test_a_row_of_the_reference_run_leads_to_its_data_set(reference):
    for _, row in reference.fits.sample(8, random_state=3).iterrows():
        data = reference.dataset(row)
        assert data.betas[data.condition.terms.index(row["term"])] == row["truth"]
        again = simulate(data.condition, seed=0, replication=row["replication"])
        assert again.data.equals(data.data)
