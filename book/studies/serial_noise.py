"""Noise that is correlated in time, where nobody differs from anybody and nothing has an effect.

Thirty people answer ten times; noise is autoregressive with a correlation of .7 between one
answer and the next. The predictor counts the answers, or wanders in time as the noise does.
"""

from study import Part

from mlmlearn import POST_STRATEGIES, Grid
from mlmlearn.processes import AutoregressiveNoise, AutoregressivePredictor, TimePredictor

SEED = 18
PARTS = {
    name: Part(
        Grid(
            [30],
            [10],
            [0],
            replications=4000,
            betas=[(0, 0)],
            ingredients=(AutoregressiveNoise(0.7), predictor),
        ),
        list(POST_STRATEGIES),
    )
    for name, predictor in {
        "trend": TimePredictor(),
        "series": AutoregressivePredictor(0.7),
    }.items()
}
