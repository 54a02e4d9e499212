"""A diary study to be planned: one predictor, an effect of 0.2, slopes with an SD of 0.3.

Each design is simulated with the effect and without. The map goes over people and rows, under the
full multilevel model; at thirty people four strategies are compared.
"""

from study import Part

from mlmlearn import POST_STRATEGIES, Grid

SEED = 22
EFFECTS = [(0, 0.2), (0, 0)]
N_OBS = (3, 5, 8, 13, 20, 30, 45)
PARTS = {
    "map": Part(
        Grid(
            n_groups=[10, 15, 20, 30, 45, 60, 80],
            n_obs=N_OBS,
            group_sd=[(1, 0.3)],
            betas=EFFECTS,
            replications=2000,
        ),
        ["mlm_full"],
    ),
    "strategies": Part(
        Grid(
            n_groups=30,
            n_obs=N_OBS,
            group_sd=[(1, 0.3)],
            betas=EFFECTS,
            replications=2000,
        ),
        list(POST_STRATEGIES),
    ),
}
