import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fake_engine import FAKE

from mlmlearn import Condition, Grid, Results, cli, cli_options, processes, run, simulate
from mlmlearn.engines import ENGINES
from mlmlearn.errors import InputError

DATA = Path(__file__).parent / "data"
RUN = ["run", "--n-groups", "6", "--n-obs", "5", "--group-sd", "1", "--replications", "3"]


@pytest.fixture
def folder(tmp_path):
    run(Grid([6], [5], [1], 3), engine=FAKE, out=tmp_path / "run", progress=False)
    return tmp_path / "run"


def test_every_command_has_its_help(capsys):
    for command in ("run", "compare", "verify", "export"):
        with pytest.raises(SystemExit, match="0"):
            cli.main([command, "--help"])
        shown = capsys.readouterr().out
        assert f"example: mlmlearn {command} " in " ".join(shown.split())
    with pytest.raises(SystemExit, match="2"):
        cli.main([])
    assert "the following arguments are required: COMMAND" in capsys.readouterr().err


def test_python_m_and_the_exit_code():
    done = subprocess.run(
        [sys.executable, "-m", "mlmlearn", "export", "--run", "/nonexistent", "--to", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "mlmlearn: /nonexistent holds no results (no manifest.json)\n"


def test_run_resumes_and_refuses_another_run(tmp_path, capsys):
    out = str(tmp_path / "run")
    assert "fake" in ENGINES
    for _ in range(2):
        assert cli.main([*RUN, "--out", out, "--engine", "fake", "--quiet"]) == 0
        assert capsys.readouterr().out.startswith(f"12 fits in {out}, 0 of them failed; ")
    assert cli.main([*RUN, "--out", out, "--engine", "fake", "--seed", "4"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"mlmlearn: {out} holds another run: seed is 0 there and 4 here; ")
    assert said.count("\n") == 1


def test_a_damaged_part_is_one_line(folder, capsys):
    part = next((folder / "parts").iterdir())
    part.write_bytes(b"")
    assert cli.main([*RUN, "--out", str(folder), "--engine", "fake", "--quiet"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"mlmlearn: {folder}: left out 1 damaged part ({part.name}); ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--replications", "0"], "replications must be a whole number of at least 1, not 0"),
        (["--group-sd", "-1"], "group_sd is a standard deviation and must be"),
        (["--strategies", "anova"], "unknown strategy 'anova'; the known ones are mlm_full, "),
        (["--jobs", "0"], "n_jobs must be a number of worker processes, such as 2, or -1"),
        (["--out", "/dev/null/run"], "/dev/null/run"),
    ],
)
def test_an_error_is_one_line(wrong, message, tmp_path, capsys):
    arguments = [*RUN, "--out", str(tmp_path / "run"), "--engine", "fake", "--quiet", *wrong]
    assert cli.main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("mlmlearn: ")
    assert message in said
    assert said.count("\n") == 1


def test_compare_shows_the_strategies_of_a_csv_file(tmp_path, capsys):
    file, out = str(tmp_path / "data.csv"), tmp_path / "table.csv"
    simulate(Condition(7, 8, 1)).data.to_csv(file, index=False)
    options = ["--group", "Group", "--engine", "fake"]
    assert cli.main(["compare", file, "DV ~ IV1 + IV2", *options, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    sizes, random, header, *_ = shown.splitlines()
    assert sizes == "56 rows in 7 groups (Group); rows a group: least 8, median 8, most 8"
    assert random == "random effects, where a strategy has them: Intercept, IV1, IV2"
    assert header.split()[:3] == ["strategy", "term", "estimate"]
    assert "mlm_full: seven groups are too many" in shown
    assert len(pd.read_csv(out)) == 4 * 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no.csv", "y ~ day", "--group", "person"], "no.csv cannot be read: "),
        (["thousands.csv", "y ~ day"], "name the column that says which rows belong together: --g"),
        (["thousands.csv", "y ~ height", "--group", "person"], "there is no column 'height'"),
        (["units_row.csv", "y ~ day", "--group", "person"], "line 2, column 'day': 'days' is not"),
        (["units_row.csv", "y ~ C(day)", "--group", "person"], "line 2, column 'y': 'ms' is not"),
        (["thousands.csv", "y ~ day", "--group", "person", "--decimal", "comma"], "line 2, column"),
        (["const_within_all.csv", "y ~ x", "--group", "g"], "the outcome 'y' never varies within"),
    ],
)
def test_compare_refuses_in_one_line(arguments, said, capsys):
    assert cli.main(["compare", str(DATA / arguments[0]), *arguments[1:]]) == 1
    refused = capsys.readouterr().err
    assert refused.startswith("mlmlearn: ")
    assert said in refused
    assert refused.count("\n") == 1


def test_compare_says_what_it_dropped_and_how_large_the_groups_are(tmp_path, capsys):
    file = tmp_path / "data.txt"
    lines = ["who|day|other|y", "01|0||1,5", "01|1||2", "01|2||", "1|0||3", "1|1||5,25", "2|NA||1"]
    lines += ["b|0||1", "b|1||2,5", "b|2||2,5", "b|3||4,5"]
    file.write_text("\n".join(lines))
    arguments = ["compare", str(file), "y ~ day", "--group", "who", "--strategies", "two_stage"]
    assert cli.main(arguments) == 1
    assert "missing" in capsys.readouterr().err
    assert cli.main([*arguments, "--missing", "drop"]) == 0
    sizes, dropped, _, *table = capsys.readouterr().out.splitlines()
    assert sizes == "8 rows in 3 groups (who); rows a group: least 2, median 2, most 4"
    assert dropped == "dropped for missing values: 2 rows, and with them 1 group"
    assert table[2].split()[:3] == ["two_stage", "day", "1.267"]


def test_compare_shows_long_labels_in_one_line():
    assert cli._shortened("arm[T.a\nb]") == "arm[T.a b]"
    long = cli._shortened(f"arm[T.{'very ' * 20}long]")
    assert (len(long), long[-5:]) == (40, "long]")


def test_compare_shows_letters_that_the_terminal_does_not_know():
    command = [sys.executable, "-m", "mlmlearn", "compare", str(DATA / "latin1.csv")]
    options = ["Größe ~ day", "--group", "person", "--strategies", "cluster_robust"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"}
    done = subprocess.run([*command, *options], env=ascii_only, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("formula", "roles"),
    [
        ("y ~ x + (x | g)", (["g"], ["y"], ["x"])),
        ("log(`my y`) ~ x * C(z, Treatment('a'))", (["k"], ["my y"], ["x"])),
        ("y ~ 1 + np.log(x.y) + z", (["k"], ["y"], ["z", "x.y"])),
    ],
)
def test_compare_finds_the_roles_of_columns(formula, roles, monkeypatch, capsys):
    columns = ["g", "k", "x", "y", "z", "my y", "x.y"]
    seen = {}
    monkeypatch.setattr(cli_options, "read_table", lambda *_, **__: pd.DataFrame(columns=columns))

    def to_numbers(table, **given):
        seen.update(given)
        raise InputError("enough")

    monkeypatch.setattr(cli_options, "to_numbers", to_numbers)
    group = [] if "| g" in formula else ["--group", "k"]
    assert cli.main(["compare", "file", formula, *group]) == 1
    assert (seen["labels"], seen["outcome"], seen["predictors"]) == roles


def test_verify_tells_agreement_by_its_exit_code(folder, tmp_path, capsys):
    assert cli.main(["verify", "--run", str(folder), "--sample", "2"]) == 0
    assert capsys.readouterr().out.endswith("8 fits computed again; none differ\n")
    found = Results.load(folder)
    Results(found.fits.assign(se=0.7), found.diagnostics, found.manifest).save(tmp_path / "wrong")
    assert cli.main(["verify", "--run", str(tmp_path / "wrong"), "--sample", "1"]) == 1
    assert capsys.readouterr().out.endswith("4 fits computed again; 4 differ\n")


def test_export_writes_both_formats(folder, tmp_path, capsys):
    arguments = ["export", "--run", str(folder), "--to"]
    assert cli.main([*arguments, str(tmp_path / "csv")]) == 0
    assert len(pd.read_csv(tmp_path / "csv" / "fits.csv")) == 3 * 4 * 4
    assert cli.main([*arguments, str(tmp_path / "saved"), "--format", "parquet"]) == 0
    assert len(Results.load(tmp_path / "saved").diagnostics) == 3 * 4
    assert cli.main([*arguments, str(folder), "--format", "parquet"]) == 1
    assert "is a run's own folder" in capsys.readouterr().err


def test_a_file_tells_every_field_of_a_grid(tmp_path, capsys):
    grid = Grid(
        [6], [5], [(1, 0.5)], 2, betas=(0, 0), ingredients=processes.VaryingSizes(0.3, least=3)
    )
    file = tmp_path / "grid.json"
    file.write_text(json.dumps({"grid": grid.to_json()}))
    arguments = ["run", "--out", str(tmp_path / "run"), "--engine", "batch", "--quiet", "--grid"]
    assert cli.main([*arguments, str(file)]) == 0
    found = Results.load(tmp_path / "run")
    assert found.grid == grid
    assert cli.main(["verify", "--run", str(tmp_path / "run"), "--sample", "1"]) == 0
    assert "VaryingSizes(log_sd=0.3, least=3)" in capsys.readouterr().out
    assert cli.main([*arguments, str(tmp_path / "none.json")]) == 1
    assert "none.json cannot be read as a grid" in capsys.readouterr().err


def test_ctrl_c_before_anything_is_done_is_said_as_well(monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", stopped)
    assert cli.main(["run", "--out", "somewhere", "--n-groups", "6", "--replications", "1"]) == 130
    assert capsys.readouterr().err == "mlmlearn: stopped\n"
