import numpy as np
import pytest

from mlmlearn import Condition, Grid, InputError


def test_a_condition_is_a_key_that_does_not_depend_on_number_types():
    same = Condition(np.int64(10), 5.0, 1, betas=np.array([0, 1, 0, 0]))
    assert same == Condition(10, 5, 1.0, betas=[0.0, 1.0, 0.0, 0.0])
    assert len({same, Condition(10, 5, 1.0, betas=(0, 1, 0, 0))}) == 1


def test_terms_follow_the_number_of_predictors():
    assert Condition(2, 2, 0).terms == ("Intercept", "IV1", "IV2", "IV3")
    assert Condition(2, 2, 0, n_predictors=1).terms == ("Intercept", "IV1")


@pytest.mark.parametrize("name", ["n_groups", "n_obs", "n_predictors"])
@pytest.mark.parametrize("value", [0, -3, 2.5, float("nan"), float("inf"), "5", True, [3]])
def test_counts_must_be_whole_numbers_of_at_least_one(name, value):
    arguments = {"n_groups": 10, "n_obs": 5, "group_sd": 1, name: value}
    with pytest.raises(InputError) as error:
        Condition(**arguments)
    assert str(error.value) == f"{name} must be a whole number of at least 1, not {value!r}"


@pytest.mark.parametrize("name", ["group_sd", "noise_sd"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "1", True, None])
def test_standard_deviations_must_not_be_negative(name, value):
    arguments = {"n_groups": 10, "n_obs": 5, "group_sd": 1, name: value}
    with pytest.raises(InputError) as error:
        Condition(**arguments)
    assert str(error.value) == (
        f"{name} is a standard deviation and must be a finite number, 0 or more, not {value!r}"
    )


def test_betas_must_match_the_predictors():
    with pytest.raises(InputError) as error:
        Condition(10, 5, 1, betas=[1, 2], n_predictors=3)
    assert str(error.value) == (
        "betas has 2 values, but 3 predictors and the intercept need 4; "
        "make them as many, or leave n_predictors out"
    )
    assert Condition(10, 5, 1, betas=[1, 2]).n_predictors == 1


@pytest.mark.parametrize("betas", [5, [1, "a", 0, 0], [0, 0, 0, float("inf")], [None] * 4])
def test_betas_must_be_finite_numbers(betas):
    with pytest.raises(InputError, match=r"^betas (must be a finite number|needs the intercept)"):
        Condition(10, 5, 1, betas=betas)


def test_the_default_grid_is_that_of_the_post():
    conditions = list(Grid().conditions())
    assert len(conditions) == 45
    assert conditions[0] == Condition(10, 5, 0.1)
    assert conditions[1] == Condition(10, 5, 0.25)
    assert conditions[-1] == Condition(100, 100, 4.0)
    assert Grid().replications == 50
    assert len(set(conditions)) == 45


def test_a_grid_takes_lists_arrays_and_single_values():
    grid = Grid([10, 30], np.array([5]), 0.5, replications=2)
    assert list(grid.conditions()) == [Condition(10, 5, 0.5), Condition(30, 5, 0.5)]


@pytest.mark.parametrize("replications", [0, -1, 1.5, "3"])
def test_a_grid_needs_replications(replications):
    message = f"^replications must be a whole number of at least 1, not {replications!r}$"
    with pytest.raises(InputError, match=message):
        Grid(replications=replications)


def test_a_grid_checks_every_value_before_anything_runs():
    with pytest.raises(InputError, match=r"^n_groups must be a whole number .* not 0$"):
        Grid(n_groups=(10, 0))
    with pytest.raises(InputError, match=r"^n_groups must be a whole number .* not None$"):
        Grid(n_groups=None)
    with pytest.raises(InputError, match=r"^group_sd is a standard deviation .* not -1$"):
        Grid(group_sd=(0.1, -1))
    with pytest.raises(InputError, match=r"^n_obs is empty; give at least one value$"):
        Grid(n_obs=())


@pytest.mark.parametrize("twice", [(10, 10), (10, 10.0), (30, 10, 30)])
def test_a_grid_refuses_a_value_that_stands_in_it_twice(twice):
    with pytest.raises(InputError, match=r"^the grid holds Condition\(n_groups=.* twice, which"):
        Grid(n_groups=twice)
