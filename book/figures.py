"""Figures that more than one chapter shows."""

import matplotlib.pyplot as plt
import numpy as np
from bookkit import GREY, INK, WIDTH, style_of
from looks import LOOKS

from mlmlearn import POST_STRATEGIES, Condition, fit, simulate

# A draw as any other, but for one thing: the random-intercept model's interval misses the truth.
# These six people's average slope lies within a standard error of the population's.
SIX_PEOPLE = 40


def overview_data(seed=31):
    """Simulate six people, a few observations each, whose slopes differ a good deal."""
    condition = Condition(n_groups=6, n_obs=6, group_sd=1, n_predictors=1, betas=[0, 1])
    return simulate(condition, seed=seed)


def draw_lines(ax, data, result):
    """Draw what one strategy makes of the data: a line a person, and the average line."""
    color = style_of(result.strategy)["color"]
    x = np.array([data["IV1"].min(), data["IV1"].max()])
    ax.plot(data["IV1"], data["DV"], "o", ms=3.5, color="#bdbdbd", mec="none")
    if result.group_coefs is not None:
        for _, person in result.group_coefs.iterrows():
            ax.plot(x, person["Intercept"] + person["IV1"] * x, color=color, lw=1.3, alpha=0.8)
    average = result.coefs["estimate"]
    ax.plot(x, average["Intercept"] + average["IV1"] * x, color=color, lw=3.5)


def draw_intervals(ax, results, truth, people=None):
    """Draw each strategy's slope with its 95 % interval against the true slope.

    `people` is the mean of the true slopes of the people in the data, where it is to be shown.
    """
    for row, result in enumerate(reversed(results)):
        slope = result.coefs.loc["IV1"]
        style = style_of(result.strategy)
        ax.plot([slope["ci_low"], slope["ci_high"]], [row, row], color=style["color"], lw=2.5)
        ax.plot(slope["estimate"], row, style["marker"], color=style["color"], ms=9)
    ax.axvline(truth, color=INK, ls="--", lw=1.2)
    top = len(results) - 0.45
    above = {"va": "center", "textcoords": "offset points", "annotation_clip": False}
    if people is None:
        ax.annotate("true average slope", (truth, top), (4, 0), color=INK, **above)
    else:
        low, high = sorted([(truth, "all people", INK), (people, "these six", GREY)])
        ax.axvline(people, color=GREY, ls=":", lw=1.8)
        for (x, name, color), side in [(low, -1), (high, 1)]:
            ax.annotate(name, (x, top), (5 * side, 0), color=color,
                        ha="left" if side > 0 else "right", **above)  # fmt: skip
    ax.set_yticks(range(len(results)), [style_of(r.strategy)["label"] for r in reversed(results)])
    ax.set_ylim(-0.6, len(results) - 0.2)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("Average slope, with 95 % interval")


IN_A_PHRASE = {
    "mlm_full": "one line per person, each pulled\ntowards the average line",
    "mlm_intercept": "parallel lines: people differ\nin level, not in slope",
    "cluster_robust": "one line; people only\nwiden its interval",
    "two_stage": "one line per person on its own,\nthen the average of the lines",
}


def draw_overview(simulated=None):
    """Show the four strategies at work on one data set, and what each concludes.

    With data of one's own the true average slope of the people in them is marked, too.
    """
    people = None if simulated is None else simulated.group_coefs["IV1"].mean()
    simulated = overview_data() if simulated is None else simulated
    results = [fit(strategy, simulated) for strategy in POST_STRATEGIES]
    figure = plt.figure(figsize=(WIDTH, 7.4))
    top, bottom = figure.subfigures(2, height_ratios=[2.6, 1])
    axes = top.subplots(2, 2, sharex=True, sharey=True)
    for ax, result in zip(axes.flat, results, strict=True):
        draw_lines(ax, simulated.data, result)
        style = style_of(result.strategy)
        ax.set_title(f"{style['label']}\n\n", color=style["color"], fontweight="bold")
        ax.text(0, 1.03, IN_A_PHRASE[result.strategy], transform=ax.transAxes, fontsize=9.5)
        ax.set(xticks=[], yticks=[])
    axes[1, 0].set(xlabel="predictor", ylabel="outcome")
    draw_intervals(bottom.subplots(), results, simulated.betas[1], people)
    return figure


def draw_answer(study):
    """Show how often each strategy's 95 % intervals keep their promise in the post's grid.

    The random-intercept model has a line for each number of observations, the others a mark for
    all sizes together.
    """
    rows = study.drop_duplicates(["n_groups", "n_obs", "group_sd", "strategy"])
    covered = 100 * rows.set_index(["strategy", "group_sd", "n_obs", "n_groups"])["slopes_covered"]
    sds = sorted(rows["group_sd"].unique())
    fig, ax = plt.subplots(figsize=(WIDTH, 3.7))
    ax.axhline(95, color=GREY, lw=1)
    places = np.arange(len(sds))
    for i, strategy in enumerate(others := [s for s in POST_STRATEGIES if s != "mlm_intercept"]):
        x = places + 0.13 * (i - (len(others) - 1) / 2)
        by_sd = covered[strategy].groupby("group_sd").mean()
        ax.plot(x, by_sd, ls="", ms=6, **style_of(strategy))
    style = style_of("mlm_intercept")
    by_size = covered["mlm_intercept"].groupby(["n_obs", "group_sd"]).mean()
    for n_obs in by_size.index.unique("n_obs"):
        ax.plot(places, by_size[n_obs], ls=LOOKS["mlm_intercept"].linestyle, ms=6, **style)
        ax.text(places[-1] + 0.15, by_size[n_obs].iloc[-1], f"{n_obs}", va="center",
                color=style["color"])  # fmt: skip
        style.pop("label", None)
    ax.text(places[-1] + 0.3, by_size[by_size.index.unique("n_obs")[0]].iloc[-1] + 7,
            "rows each", ha="right", color=style["color"], fontsize=9.5)  # fmt: skip
    ax.set_xticks(places, [f"{sd:g}" for sd in sds])  # the noise has an SD of 1
    ax.set(xlim=(-0.3, places[-1] + 0.45), ylim=(0, 106))
    ax.set(
        xlabel="SD of people's slopes, divided by the noise's",
        ylabel="Intervals that hold the slope, %",
    )
    ax.legend(loc="lower left", fontsize=10)
    ax.annotate("promised: 95 %", (places[-1] + 0.4, 95), (0, 7), textcoords="offset points",
                ha="right", color=GREY, fontsize=9.5)  # fmt: skip
    return fig


# Slopes of the post's grid are drawn evenly between 0 and 1.
AVERAGE_SLOPE = 0.5


if __name__ == "__main__":  # remake the picture that README.md shows
    from bookkit import use_book_style

    use_book_style()
    draw_overview(overview_data(SIX_PEOPLE)).savefig("book/_static/overview.png", dpi=150)
