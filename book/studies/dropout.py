"""Answers that end or are missing: completely at random, at random, and not at random.

A hundred people are asked eight times, and the outcome changes by half a unit a time on average.
Everyone gives three answers or more, so that two-stage OLS can fit everyone's line.
"""

from study import Part

from mlmlearn import POST_STRATEGIES, Grid
from mlmlearn.processes import Dropout, MissingAnswers, TimePredictor

SEED = 17
MECHANISMS = {
    "complete": (),
    "at random whatever is answered": (Dropout(0.2, least=3),),
    "given the last answer": (Dropout(0.05, 0.6, least=3),),
    "given the answer itself": (MissingAnswers(0.05, 0.6),),
}
PARTS = {
    name: Part(
        Grid(
            [100],
            [8],
            [(1, 0.5)],
            replications=2000,
            betas=[(0, 0.5)],
            ingredients=(TimePredictor(), *mechanism),
        ),
        list(POST_STRATEGIES),
    )
    for name, mechanism in MECHANISMS.items()
}
