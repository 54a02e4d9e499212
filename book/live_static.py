"""What stands in a live picture's place where no script runs: the same, standing still."""

from collections.abc import Callable
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from bookkit import GREY, INK, WIDTH, style_of
from scipy.stats import norm

from mlmlearn import POST_STRATEGIES, Condition, Grid, fit, run, simulate

__all__ = ["PICTURES", "Still"]


class Still(NamedTuple):
    """A title, what to try where it moves, and the static picture with its words."""

    title: str
    to_try: str
    draw: Callable
    caption: str
    alt: str


def draw_dance():
    """Forty data sets' intervals for the slope, a panel a strategy."""
    grid = Grid(n_groups=20, n_obs=10, group_sd=[(0.5, 0.5)], betas=[(0, 0.5)], replications=40)
    fits = run(grid, seed=1, progress=False).fits.query("term == 'IV1'")
    fig, axes = plt.subplots(2, 2, figsize=(WIDTH, 4.6), sharex=True, sharey=True)
    for ax, (strategy, rows) in zip(axes.flat, fits.groupby("strategy", sort=False), strict=True):
        color = style_of(strategy)["color"]
        misses = (rows["ci_low"] > 0.5) | (rows["ci_high"] < 0.5)
        for (_, row), missed in zip(rows.iterrows(), misses, strict=True):
            look = {"color": INK, "lw": 2} if missed else {"color": color, "lw": 1.2}
            ax.plot([row["ci_low"], row["ci_high"]], [row["replication"]] * 2, **look)
            if missed:
                ax.plot(row["estimate"], row["replication"], "x", color=INK, ms=6)
        ax.axvline(0.5, color=GREY, ls="--", lw=1.2)
        ax.set_title(
            f"{style_of(strategy)['label']}: {misses.sum()} miss", fontsize=10, color=color
        )
        ax.set(yticks=[])
    fig.supxlabel("95 % interval for the slope", fontsize=10)
    return fig


def draw_pull():
    """One person's line between everyone's and their own."""
    condition = Condition(n_groups=7, n_obs=4, group_sd=(0.8, 0.5), betas=(0, 0.4), noise_sd=0.7)
    data = simulate(condition, seed=3).data
    one = pd.DataFrame({"IV1": [-0.8, 0.1, 0.7], "DV": [0.1, 1.2, 3.4], "Group": 8})
    data = pd.concat([data, one], ignore_index=True)
    full, pooled, own = (
        fit(strategy, "DV ~ IV1", data, group="Group")
        for strategy in ("mlm_full", "cluster_robust", "two_stage")
    )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.6))
    x = np.array([-2.4, 2.4])
    others = data["Group"] != 8
    ax.plot(data["IV1"][others], data["DV"][others], "o", ms=4, color="#bdbdbd")
    for coefs, strategy, look, words in (
        (pooled.coefs["estimate"], "cluster_robust", "--", "one line for everyone"),
        (full.group_coefs.loc[8], "mlm_full", "-", "the person's, pulled"),
        (own.group_coefs.loc[8], "two_stage", ":", "the person's own"),
    ):
        style = {"color": style_of(strategy)["color"], "ls": look, "label": words, "lw": 2.5}
        ax.plot(x, coefs["Intercept"] + coefs["IV1"] * x, **style)
    ax.plot(one["IV1"], one["DV"], "o", ms=8, color=style_of("mlm_full")["color"])
    ax.set(xlabel="predictor", ylabel="outcome", ylim=(-5, 5))
    ax.legend(loc="lower right", fontsize=10, handlelength=3)
    return fig


def draw_fan(average=0.5, sd=1.0):
    """An average and an SD, as a fan of a hundred lines and as a hill."""
    slopes = average + sd * norm.ppf((np.arange(100) + 0.5) / 100)
    fig, (fan, hill) = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
    falls = {"color": style_of("mlm_intercept")["color"], "ls": "--", "lw": 1}
    for slope in slopes:
        fan.plot([0, 1], [0, slope], **(falls if slope < 0 else {"color": "#b0b0b0", "lw": 0.8}))
    fan.plot([0, 1], [0, average], color=INK, lw=2.5)
    fan.set(xlabel="predictor", xticks=[0, 1], ylabel="outcome")
    x = np.linspace(-4, 4, 400)
    height = norm.pdf(x, average, sd)
    hill.fill_between(x, height, where=x >= 0, color="#dddddd")
    hill.fill_between(x, height, where=x <= 0, color=falls["color"])
    hill.axvline(0, color=INK, ls="--", lw=1.2)
    hill.axvline(average, color=INK, lw=2.5, ymax=0.95)
    hill.set(xlabel="slope", yticks=[], ylim=(0, None))
    hill.set_title(f"{(slopes < 0).sum()} of 100 fall", fontsize=10)
    return fig


def draw_spend(total=600, sd=0.5):
    """The two parts of the squared standard error over all splits of 600 observations."""
    people = np.array([n for n in range(5, 301) if total % n == 0])
    between, sampling = sd**2 / people, np.full(len(people), 1 / total)
    fig, ax = plt.subplots(figsize=(WIDTH, 3.2))
    places = np.arange(len(people))
    colors = [style_of(strategy)["color"] for strategy in ("mlm_full", "two_stage")]
    ax.bar(places, sampling, color=colors[0], label="sampling")
    ax.bar(places, between, bottom=sampling, color=colors[1], label="between people")
    ax.set_xticks(places, people, fontsize=8, rotation=90)
    ax.set(xlabel="people", ylabel="squared standard error")
    ax.legend(fontsize=10)
    return fig


def draw_level():
    """Four slopes where levels go with the predictor, as it is and less each person's mean."""
    rng = np.random.default_rng(9)
    means = rng.normal(size=40)
    person = np.repeat(np.arange(40), 6)
    x = means[person] + 0.8 * rng.normal(size=240)
    levels, slopes = means + 0.6 * rng.normal(size=40), 0.5 + 0.3 * rng.normal(size=40)
    data = pd.DataFrame({"x": x, "person": person})
    data["y"] = levels[person] + slopes[person] * x + 0.8 * rng.normal(size=240)
    data["within"] = x - data.groupby("person")["x"].transform("mean")
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9), sharex=True, sharey=True)
    for ax, name, title in zip(
        axes, ("x", "within"), ("predictor as it is", "less each mean"), strict=True
    ):
        for row, strategy in enumerate(reversed(POST_STRATEGIES)):
            slope = fit(strategy, f"y ~ {name}", data, group="person").coefs.loc[name]
            style = style_of(strategy)
            ax.plot([slope["ci_low"], slope["ci_high"]], [row, row], color=style["color"], lw=2.5)
            ax.plot(slope["estimate"], row, style["marker"], color=style["color"], ms=8)
        ax.axvline(0.5, color=INK, ls="--", lw=1.2)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("slope")
    labels = [style_of(s)["label"] for s in reversed(POST_STRATEGIES)]
    axes[0].set_yticks(range(4), labels, fontsize=9)
    return fig


PICTURES = {
    "dance": Still(
        "The dance of the intervals",
        "Draw one data set, then a hundred: each adds an interval to every strategy, and those "
        "that miss the true slope, the dashed line, are crossed out. Then let people differ "
        "more.",
        draw_dance,
        "Forty data sets of 20 people with 10 rows each, and each strategy's 95 % intervals for"
        " the slope; crossed out are those that miss the truth.",
        "Four panels of forty stacked intervals around a dashed line at the true slope. Most "
        "intervals of all strategies cross it; those of the random-intercept model are the "
        "shortest and miss it most often.",
    ),
    "pull": Still(
        "Pull the line",
        "Move the SD between people from 0 to infinity and watch the solid line slide from "
        "everyone's to the person's own. Then take dots away: the fewer there are, the harder "
        "it is pulled.",
        draw_pull,
        "One person's three dots, and three lines for them: everyone's, their own, and the full"
        " multilevel model's between both.",
        "Grey dots of seven people and three large dots of one more. A dashed, nearly flat line"
        " for everyone, a steep dotted line through the three dots, and a solid line between "
        "both.",
    ),
    "fan": Still(
        "Fan and hill",
        "Move the average and the SD of the slopes. An effect that is positive on average can "
        "be negative for a third of the people.",
        draw_fan,
        "A hundred people's lines, and the distribution of their slopes, with an average of 0.5"
        " and an SD of 1.",
        "Left, a fan of a hundred lines from one point, about a third of which fall. Right, a "
        "normal distribution of slopes with its part below zero filled.",
    ),
    "spend": Still(
        "Spend 600 observations",
        "Drag the split between people and rows. The part that comes from sampling stays; the "
        "part that comes from differences between people shrinks with the number of people "
        "alone.",
        draw_spend,
        "The squared standard error of the average slope when 600 observations are split among "
        "more and more people; SD of slopes 0.5, noise 1.",
        "Stacked bars for 5 to 300 people. The lower part is the same in all of them. The upper"
        " part falls steeply from 5 people to about 50, and then slowly.",
    ),
    "level": Still(
        "Level follows predictor",
        "Drag the relation away from zero and watch three of the four slopes drift off the "
        "dashed line. Then subtract each person's mean.",
        draw_level,
        "Slopes of four strategies, with 95 % intervals, where people with a high predictor "
        "also have a high level: with the predictor as it is, and less each person's mean.",
        "Two panels of four slopes around a dashed line at 0.5. Left, cluster-robust OLS lies "
        "far to the right of the line and the multilevel models a little; right, all four lie "
        "at the line.",
    ),
}
