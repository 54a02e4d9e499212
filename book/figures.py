"""Figures that more than one chapter shows."""

import matplotlib.pyplot as plt
import numpy as np
from bookkit import GREY, INK, WIDTH, style_of
from looks import LOOKS

from mlmlearn import POST_STRATEGIES, Condition, fit, simulate


def overview_data():
    """Simulate six people, a few observations each, whose slopes differ a good deal."""
    condition = Condition(n_groups=6, n_obs=6, group_sd=1, n_predictors=1, betas=[0, 1])
    return simulate(condition, seed=31)


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


def draw_intervals(ax, results, truth):
    """Draw each strategy's slope with its 95 % interval against the true slope."""
    for row, result in enumerate(reversed(results)):
        slope = result.coefs.loc["IV1"]
        style = style_of(result.strategy)
        ax.plot([slope["ci_low"], slope["ci_high"]], [row, row], color=style["color"], lw=2.5)
        ax.plot(slope["estimate"], row, style["marker"], color=style["color"], ms=9)
    ax.axvline(truth, color=INK, ls="--", lw=1.2)
    ax.annotate(
        "true average slope", (truth, len(results) - 0.45), (4, 0),
        textcoords="offset points", color=INK, va="center", annotation_clip=False,
    )  # fmt: skip
    ax.set_yticks(range(len(results)), [style_of(r.strategy)["label"] for r in reversed(results)])
    ax.set_ylim(-0.6, len(results) - 0.2)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("Average slope, with 95 % interval")


IN_A_PHRASE = {
    "mlm_full": "a line a person, each pulled\ntowards the average line",
    "mlm_intercept": "parallel lines: people differ\nin level, not in slope",
    "cluster_robust": "one line; people only\nwiden its interval",
    "two_stage": "a line a person on its own,\nthen the average of the lines",
}


def draw_overview():
    """Show the four strategies at work on one data set, and what each concludes."""
    simulated = overview_data()
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
    draw_intervals(bottom.subplots(), results, simulated.betas[1])
    return figure


def slope_coverage(fits):
    """Share of data sets' 95 % intervals that hold the true slope, and its MCSE, in percent.

    Slopes of one data set share its noise, so the data set is the unit that is counted.
    """
    slopes = fits[fits["term"] != "Intercept"]
    inside = slopes["truth"].between(slopes["ci_low"], slopes["ci_high"])
    names = ["strategy", "group_sd", "n_groups", "n_obs", "replication"]
    rates = inside.groupby([slopes[name] for name in names]).mean().groupby(names[:2])
    return 100 * rates.mean(), 100 * rates.sem()


def draw_answer(fits):
    """Show how often each strategy's 95 % intervals keep their promise."""
    coverage, mcse = slope_coverage(fits)
    fig, ax = plt.subplots(figsize=(WIDTH, 3.4))
    ax.axhline(95, color=GREY, lw=1)
    places = np.arange(coverage.index.levels[1].size)
    for i, strategy in enumerate(reversed(POST_STRATEGIES)):
        ax.errorbar(
            places + 0.05 * (i - 1.5), coverage[strategy], 2 * mcse[strategy],
            ls=LOOKS[strategy].linestyle, ms=6, **style_of(strategy)
        )  # fmt: skip
    ax.set_xticks(places, [f"{sd:g}" for sd in coverage.index.levels[1]])
    ax.set(xlabel="Between-person SD", ylabel="Intervals that hold the truth, %", ylim=(0, 104))
    ax.legend(*reversed_handles(ax), loc="lower left", fontsize=10, handlelength=3)
    ax.annotate("promised: 95 %", (places[-1] + 0.2, 95), (0, -13), textcoords="offset points",
                ha="right", color=GREY, fontsize=9.5)  # fmt: skip
    return fig


def reversed_handles(ax):
    """Legend entries in the strategies' order, whatever was drawn on top."""
    return [entries[::-1] for entries in ax.get_legend_handles_labels()]


if __name__ == "__main__":  # remake the picture that README.md shows
    from bookkit import use_book_style

    use_book_style()
    draw_overview().savefig("book/_static/overview.png", dpi=150)
