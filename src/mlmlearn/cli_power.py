"""The command ``mlmlearn power``: its options, and what it prints."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from mlmlearn import cli_options
from mlmlearn.checks import number_in
from mlmlearn.conditions import Condition, Grid
from mlmlearn.errors import InputError
from mlmlearn.fitting import fit
from mlmlearn.pilot import read_pilot
from mlmlearn.planning import plan
from mlmlearn.store import write_atomically

__all__ = ["add_arguments", "power"]

N_GROUPS = (20, 40, 60, 80)
N_OBS = 10


def add_arguments(to: argparse.ArgumentParser) -> None:
    """Add the options that no other command has."""
    text = "the slope that is planned for, in place of a pilot's estimate"
    to.add_argument("--effect", type=float, metavar="B", help=text)
    for name, what in (
        ("level", "people's levels (default: 1)"),
        ("slope", "people's slopes, which must be given"),
        ("noise", "answers around a person's line (default: 1)"),
    ):
        text = f"a guess of the standard deviation of {what}"
        to.add_argument(f"--{name}-sd", type=float, metavar="SD", help=text)
    text = "no guess: a file of a pilot study, and the formula of the full multilevel model"
    to.add_argument("--pilot", nargs=2, metavar=("FILE", "FORMULA"), help=text)
    text = "draw each data set's truth from what the pilot leaves open"
    to.add_argument("--uncertain", action="store_true", help=text)
    text = "no guess: every field of one condition, in the form of a manifest.json's grid"
    to.add_argument("--condition", metavar="FILE.json", help=text)
    to.add_argument("--term", help="the coefficient that is tested (default: the first slope)")
    text = f"numbers of groups (default: {' '.join(map(str, N_GROUPS))})"
    to.add_argument("--n-groups", nargs="+", type=int, default=N_GROUPS, metavar="N", help=text)
    text = f"rows per group (default: as in the pilot or the condition, or else {N_OBS})"
    to.add_argument("--n-obs", nargs="+", type=int, metavar="N", help=text)
    text = "the power to reach (default: 0.8)"
    to.add_argument("--power", type=float, default=0.8, metavar="P", help=text)
    for name in ("group", "row"):
        text = f"what a {name} costs, to have the cheapest design first"
        to.add_argument(f"--{name}-cost", type=float, default=0, metavar="C", help=text)
    text = "data sets for each rate (default: 1000)"
    to.add_argument("--replications", type=int, default=1000, metavar="N", help=text)
    text = "folder that holds the run; the same call goes on from there"
    to.add_argument("--out", metavar="FOLDER", help=text)
    text = "write the table of designs here, in full precision"
    to.add_argument("--table", metavar="FILE.csv", help=text)


def power(chosen: argparse.Namespace) -> int:
    """Plan as the options say, and print the designs and the smallest that reach the power."""
    number_in("--power", chosen.power, "(0, 1)")  # before hours of simulation
    condition, term, shown = _condition(chosen)
    found = plan(
        condition,
        term,
        n_groups=chosen.n_groups,
        n_obs=chosen.n_obs,
        replications=chosen.replications,
        **cli_options.running(chosen),
    )
    smallest = found.smallest(chosen.power, group_cost=chosen.group_cost, row_cost=chosen.row_cost)
    print(f"Test of {shown} at 5 %; Monte Carlo standard errors in brackets")
    print(_shown(found.table).to_string(index=False))
    print(f"\nFewest groups for a power of {chosen.power:g}; 95 % interval of the simulation")
    print(_answers(smallest).to_string(index=False))
    if chosen.table:
        write_atomically(Path(chosen.table), found.table.to_csv(index=False).encode())
    return 0


def _condition(chosen: argparse.Namespace) -> tuple[Condition, str, str]:
    """Return what is planned for, and the term that is tested, as the user calls it, too."""
    guessed = [
        f"--{n}-sd" for n in ("level", "slope", "noise") if getattr(chosen, f"{n}_sd") is not None
    ]
    given = [name for name in ("--pilot", "--condition") if getattr(chosen, name[2:])]
    if len(given + guessed[:1]) > 1:
        raise InputError(
            f"{' and '.join(given + guessed[:1])} exclude each other; give one of them"
        )
    if chosen.uncertain and not chosen.pilot:
        raise InputError("--uncertain needs a pilot study, since a guess has no standard errors")
    if chosen.pilot:
        return _of_pilot(chosen)
    term = chosen.term or "IV1"
    if chosen.condition:
        if chosen.effect is not None:
            raise InputError("the file of --condition says the effect; leave --effect out")
        return _of_file(chosen.condition), term, term
    if chosen.effect is None or chosen.slope_sd is None:
        raise InputError(
            "say what is planned for: --effect and --slope-sd for a guess, or a --pilot, or a "
            "--condition"
        )
    level, noise = (1 if sd is None else sd for sd in (chosen.level_sd, chosen.noise_sd))
    sds = (level, chosen.slope_sd)
    guess = Condition(N_GROUPS[0], N_OBS, sds, betas=(0, chosen.effect), noise_sd=noise)
    return guess, term, term


def _of_pilot(chosen: argparse.Namespace) -> tuple[Condition, str, str]:
    file, formula = chosen.pilot
    data, _ = cli_options.read(chosen, file, formula)
    result = fit("mlm_full", formula, data, group=chosen.group, missing=chosen.missing)
    tested = chosen.term or str(result.coefs.index[1])
    effects = {} if chosen.effect is None else {tested: chosen.effect}
    condition, names = read_pilot(Condition, result, effects, chosen.uncertain)
    if tested not in names:
        raise InputError(f"the pilot has no term {tested!r}; it has {', '.join(names)}")
    print(
        f"pilot: {result.n_rows:,} rows in {result.n_groups:,} groups; "
        f"{tested} {result.coefs.loc[tested, 'estimate']:.4g} "
        f"(SE {result.coefs.loc[tested, 'se']:.4g})"
        + (f", planned for {chosen.effect:g}" if effects else "")
    )
    return condition, names[tested], tested


def _of_file(path: str) -> Condition:
    """Read the one condition of a file; numbers of groups and rows may be left to the options."""
    grid = Grid.from_file(path, n_groups=N_GROUPS[0], n_obs=N_OBS)
    found = list(grid.conditions())
    if len(found) != 1:
        raise InputError(f"{path} holds {len(found)} conditions; give each of its fields one value")
    return found[0]


def _with_error(table: pd.DataFrame, name: str, digits: str = ".3f") -> list[str]:
    return [
        "" if value != value else f"{value:{digits}} ({error:{digits}})"
        for value, error in zip(table[name], table[f"{name}_mcse"], strict=True)
    ]


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Put each measure and its Monte Carlo standard error into one column of text."""
    shown = table[["n_groups", "n_obs", "strategy"]].assign(
        power=_with_error(table, "power"),
        size=_with_error(table, "type_1_error"),
        singular=_with_error(table, "share_singular"),
    )
    shown["interval width"] = _with_error(table, "ci_width", ".3g")
    return shown.assign(failed=table["n_failed"]) if table["n_failed"].any() else shown


def _answers(smallest: pd.DataFrame) -> pd.DataFrame:
    def counted(value: Any) -> str:
        return "none" if pd.isna(value) else "more" if value == float("inf") else f"{value:.0f}"

    low, high = (smallest[f"n_groups_{end}"].map(counted) for end in ("low", "high"))
    shown = smallest[["strategy", "n_obs"]].assign(
        groups=smallest["n_groups"].map(counted), interval=low + " to " + high
    )
    if "cost" in smallest:
        shown["cost"] = ["" if pd.isna(cost) else f"{cost:,.0f}" for cost in smallest["cost"]]
    return shown.assign(note=smallest["note"])
