"""The command line: ``mlmlearn run | compare | power | verify | export``.

Exit codes: 0 done; 1 the work could not be done, or `verify` found a difference; 2 the
command was not understood; 130 stopped by Ctrl-C.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmlearn import cli_options, cli_power
from mlmlearn.conditions import Grid
from mlmlearn.engines import ENGINES
from mlmlearn.errors import EngineError, InputError, RunError
from mlmlearn.fitting import compare
from mlmlearn.loop import run
from mlmlearn.results import Results, load_reference
from mlmlearn.store import write_atomically
from mlmlearn.strategies import POST_STRATEGIES, STRATEGIES
from mlmlearn.verification import verify

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, with the arguments given or the process's; return the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: _say(message)
            return int(chosen.function(chosen))
    except (InputError, EngineError, RunError) as error:
        _say(error)
        return 1
    except KeyboardInterrupt as stop:
        _say(str(stop) or "stopped")
        return 130


def _say(text: object) -> None:
    print(f"mlmlearn: {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mlmlearn", description=sys.modules["mlmlearn"].__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        function: Any, text: str, example: str, *shared: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        name = example.split()[1]
        short = text[0].lower() + text[1:-1]
        added = commands.add_parser(
            name, help=short, description=text, epilog=f"example: {example}", parents=shared
        )
        added.set_defaults(function=function)
        return added

    jobs, reading, fitting, running, stored = (
        argparse.ArgumentParser(add_help=False) for _ in range(5)
    )
    text = "worker processes, -1 for all cores (default: 1)"
    jobs.add_argument("--jobs", dest="n_jobs", type=int, default=1, metavar="N", help=text)
    cli_options.add_reading(reading)
    cli_options.add_running(running)
    text = "what computes (default: batch)"
    fitting.add_argument("--engine", choices=list(ENGINES), default="batch", help=text)
    text = f"some of {', '.join(STRATEGIES)} (default: {' '.join(POST_STRATEGIES)})"
    fitting.add_argument("--strategies", nargs="+", metavar="ID", help=text)
    text = "a run's folder (default: the reference run)"
    stored.add_argument("--run", metavar="FOLDER", help=text)

    text = "Simulate a grid of conditions and fit every strategy; resumes when called again."
    example = "mlmlearn run --out runs/mine --n-groups 10 30 --jobs 2"
    added = command(_run, text, example, fitting, running, jobs)
    added.add_argument("--out", required=True, metavar="FOLDER", help="folder that holds the run")
    grid = Grid()
    for name, kind, what in (
        ("n_groups", int, "numbers of groups"),
        ("n_obs", int, "observations per group"),
        ("group_sd", float, "standard deviations of the group coefficients"),
        ("replications", int, "data sets per condition"),
    ):
        default, option = getattr(grid, name), f"--{name.replace('_', '-')}"
        several: Any = {"nargs": "+"} if isinstance(default, tuple) else {}
        text = f"{what} (default: {' '.join(map(str, default)) if several else default})"
        added.add_argument(option, type=kind, default=default, metavar="N", help=text, **several)
    text = "all of that and every other field of a condition, in the form of a manifest.json"
    added.add_argument("--grid", metavar="FILE.json", help=text)

    text = "Fit every strategy to the rows of a file and show the estimates side by side."
    example = 'mlmlearn compare data.csv "score ~ age + dose" --group person'
    added = command(_compare, text, example, reading, fitting)
    text = "CSV or Parquet, one row an observation, with a header"
    added.add_argument("file", metavar="FILE", help=text)
    text = "outcome ~ predictors, in quotation marks"
    added.add_argument("formula", metavar="FORMULA", help=text)
    added.add_argument("--out", metavar="FILE.csv", help="write the table here, in full precision")

    text = "Simulate how many groups and rows a study needs, from a guess or a pilot's file."
    example = "mlmlearn power --effect 0.3 --slope-sd 0.5 --n-groups 20 40 60 --n-obs 5 10"
    added = command(cli_power.power, text, example, reading, fitting, running, jobs)
    cli_power.add_arguments(added)

    text = "Draw a sample of a run's data sets again, fit them again, and compare."
    added = command(_verify, text, "mlmlearn verify --sample 20 --jobs 2", stored, jobs)
    added.add_argument("--sample", type=int, default=10, metavar="K", help="how many data sets")
    added.add_argument("--seed", type=int, metavar="N", help="seed of the choice (default: random)")

    text = "Write the tables of a run as CSV or Parquet files."
    added = command(_export, text, "mlmlearn export --run runs/mine --to tables", stored)
    added.add_argument("--to", required=True, metavar="FOLDER", help="where to write them")
    added.add_argument("--format", choices=["csv", "parquet"], default="csv", help="default: csv")
    return parser


def _results(chosen: argparse.Namespace) -> Results:
    return load_reference() if chosen.run is None else Results.load(chosen.run)


def _grid(chosen: argparse.Namespace) -> Grid:
    if chosen.grid is None:
        return Grid(chosen.n_groups, chosen.n_obs, chosen.group_sd, chosen.replications)
    return Grid.from_file(chosen.grid)


def _run(chosen: argparse.Namespace) -> int:
    results = run(_grid(chosen), **cli_options.running(chosen))
    failed = int(results.diagnostics["messages"].str.startswith("failed:").sum())
    print(
        f"{len(results.diagnostics):,} fits in {chosen.out}, {failed:,} of them failed; "
        f"mlmlearn export --run {chosen.out} writes them as CSV"
    )
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    data, group = cli_options.read(chosen, chosen.file, chosen.formula)
    table = compare(
        chosen.formula,
        data,
        group=chosen.group,
        strategies=chosen.strategies,
        engine=chosen.engine,
        missing=chosen.missing,
    )
    if chosen.out:
        write_atomically(Path(chosen.out), table.to_csv(index=False).encode())
    # Labels of the file can hold letters that the terminal or the pipe does not know.
    getattr(sys.stdout, "reconfigure", lambda **_: None)(errors="replace")
    _print_sizes(table.attrs, group)
    numbers = table.drop(columns=["converged", "singular", "message"])
    numbers["term"] = numbers["term"].map(_shortened)
    print(numbers.to_string(index=False, float_format="{:.4g}".format))
    for strategy, message in table.groupby("strategy", sort=False)["message"].first().items():
        if message:
            print(f"{strategy}: {message}")
    # An intercept alone is no fit where more was asked for.
    slopes = table[table["term"] != "Intercept"]
    if (slopes if len(slopes) else table)["se"].isna().all():
        _say("nothing could be fitted; the messages above say why")
        return 1
    return 0


def _print_sizes(used: Any, group: str) -> None:
    """Print how many rows and groups were used, and how many were not."""

    def counted(number: int, noun: str) -> str:
        return f"{number:,} {noun}" + ("s" if number != 1 else "")

    least, median, most = used["sizes"]
    print(
        f"{counted(used['rows'], 'row')} in {counted(used['groups'], 'group')} "
        f"({group}); rows a group: least {least:,}, median {median:,g}, most {most:,}"
    )
    if used["dropped"]:
        print(
            f"dropped for missing values: {counted(used['dropped'], 'row')}, and with them "
            f"{counted(used['dropped_groups'], 'group')}"
        )
    print(f"random effects, where a strategy has them: {', '.join(used['random'])}")


def _shortened(term: str, width: int = 40) -> str:
    """Return a term in one line and no longer than a table can bear."""
    term = " ".join(str(term).split())
    return term if len(term) <= width else f"{term[: width - 17]}...{term[-14:]}"


def _verify(chosen: argparse.Namespace) -> int:
    results = _results(chosen)
    found = verify(results, sample=chosen.sample, seed=chosen.seed, n_jobs=chosen.n_jobs)
    # Deviances are told where they matter, and there with digits enough to tell them apart.
    deviances = [name for name in found if str(name).startswith("deviance")]
    shown = found.drop(columns=[*deviances, "agrees", "messages"])
    print(shown.to_string(index=False, float_format="{:.3g}".format))
    for _, row in found.iterrows():
        which = ", ".join(f"{name} {row[name]}" for name in results.fit_key)
        if row["verdict"] != "agrees" and row["deviance"] == row["deviance"]:
            print(
                f"{which}: REML deviance {row['deviance_before']:.4f} before, "
                f"{row['deviance']:.4f} now, {row['deviance_optimum']:.4f} at the optimum"
            )
        if row["messages"]:
            print(f"{which}: messages {row['messages']}")
    short, differing = (int((found["verdict"] == v).sum()) for v in ("stopped short", "differs"))
    print(
        f"{len(found)} fits computed again; {differing or 'none'} differ"
        + (f", {short} stopped short of the optimum here or before" if short else "")
    )
    return 1 if differing else 0


def _export(chosen: argparse.Namespace) -> int:
    results = _results(chosen)
    (results.to_csv if chosen.format == "csv" else results.save)(chosen.to)
    print(f"{len(results.fits):,} coefficients of {len(results.diagnostics):,} fits: {chosen.to}")
    return 0
