"""GitHub's workflows: they call what exists, may do no more than they need, and end."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]


def job_of(name, job):
    return WORKFLOWS[name]["jobs"][job]


def commands(jobs):
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_every_target_and_script_that_a_workflow_calls_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    called = commands(job_of(*job) for job in JOBS)
    assert {"make book", "make linkcheck", "make binder", ".ci/run"} <= set(called)
    for command in called:
        if command.startswith("make "):
            assert command.split()[1] in targets, command
        if command.startswith(".ci/"):
            assert (ROOT / command).stat().st_mode & 0o111, command


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_a_job_ends_in_time(name, job):
    assert job_of(name, job)["timeout-minutes"] <= 60


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read_and_runs_once_at_a_time(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert "group" in WORKFLOWS[name]["concurrency"]


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_only_publishing_may_write_and_only_after_the_tests(name, job):
    given = job_of(name, job)
    if (name, job) == ("tests", "publish"):
        assert given["permissions"] == {"pages": "write", "id-token": "write"}
        assert "test" in given["needs"]
        assert "default_branch" in given["if"]
    else:
        assert "permissions" not in given


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_actions_are_pinned_to_a_version(name, job):
    for step in job_of(name, job)["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w/-]+@(v\d+|[0-9a-f]{40})", step["uses"])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_workflow_names_the_repository_so_that_a_fork_runs_it_unchanged(name):
    url = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]["url"]
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    assert "/".join(url.split("/")[-2:]) not in text
