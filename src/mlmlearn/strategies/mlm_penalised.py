"""The full multilevel model with a weak prior that keeps its random effects off the boundary.

Chung, Gelman, Rabe-Hesketh, Liu & Dorie (2015), Journal of Educational and Behavioral Statistics
40(2), 136-157: a Wishart prior on the covariance matrix Sigma of m random effects, with m + 2
degrees of freedom and a scale without bound. Its density is proportional to |Sigma|^(1/2), so minus
twice its logarithm takes log|Sigma| off the deviance: infinitely much where a dimension is lost,
little elsewhere. Sigma is measured in units of the residual variance, so that the prior knows no
unit; nor does it know where the predictors have their zero, for a change of the columns moves
log|Sigma| by a constant.

The deviance that is reported is REML's, without the prior. Degrees of freedom are Satterthwaite's,
with the curvature of both.
"""

from mlmlearn.strategies._multilevel import multilevel_strategy

STRATEGY = multilevel_strategy(
    "mlm_penalised",
    "Penalised multilevel",
    "full multilevel model with a weak prior that keeps variances from zero",
    prior=1,
    in_lme4=False,
    place=9,
)
