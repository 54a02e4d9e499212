import re

import pytest

from mlmlearn import STRATEGIES, InputError
from mlmlearn.strategies import get_strategy


def test_the_registry_holds_the_four_strategies_under_their_ids():
    assert set(STRATEGIES) == {"cluster_robust", "two_stage", "mlm_full", "mlm_intercept"}
    assert all(key == strategy.id for key, strategy in STRATEGIES.items())


@pytest.mark.parametrize("attribute", ["label", "color", "marker", "linestyle", "description"])
def test_no_two_strategies_share_a_look_or_a_name(attribute):
    assert len({getattr(strategy, attribute) for strategy in STRATEGIES.values()}) == 4


def test_colours_are_hexadecimal():
    assert all(re.fullmatch("#[0-9A-F]{6}", strategy.color) for strategy in STRATEGIES.values())


@pytest.mark.parametrize("unknown", ["lmer", "", None, ["two_stage"]])
def test_an_unknown_strategy_is_refused_with_the_known_ones(unknown):
    with pytest.raises(InputError) as error:
        get_strategy(unknown)
    assert str(error.value) == (
        f"unknown strategy {unknown!r}; the known ones are "
        "mlm_full, mlm_intercept, cluster_robust, two_stage"
    )
