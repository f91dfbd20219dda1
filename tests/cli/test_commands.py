"""The command line as a user meets it: real processes' exit codes and words, through Click's runner."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alumbench.cli import COMMANDS, group, main
from alumbench.data import task_names
from alumbench.methods import load_method, make_method, method_names


def invoke(
    *arguments: str,
    command: click.Command = group,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[int, str]:
    """Runs the command as the shell would: exit status, and all it printed."""
    monkeypatch.setattr(sys, "argv", ["alumbench", *arguments])
    try:
        main(command)
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    return lambda *arguments: invoke(*map(str, arguments), monkeypatch=monkeypatch, capsys=capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "Did you mean 'train'"),
        (["claims", "b"], "in a clone of the repository: python -m experiments.claims b"),
        (["train", "--task", "sst3", "--model", "m", "--out", "o"], "Did you mean 'sst2'"),
        (["train", "--task", "sst2", "--model", "m", "--out", "o", "--method", "alumm"], "Did you mean 'alum'"),
        (
            ["train", "--task", "sst2", "--model", "m", "--out", "o", "--method", "alum", "--set", "epsilo=1"],
            "'epsilon'",
        ),
        (["train", "--task", "sst2", "--model", "m", "--out", "o", "--set", "alpha"], "expected --set NAME=VALUE"),
        (["train", "--task", "sst2", "--model", "m"], "Missing option '--out'"),
        (["train", "--model", "m", "--out", "o"], "Give --task or --train-file"),
        (["attack", "nowhere", "--suite", "smok"], "Did you mean 'smoke'"),
        (["attack", "nowhere/none", "--suite", "smoke"], "nowhere/none"),
        (["compare", "nowhere"], "alumbench attack nowhere"),
        (["verify", "nowhere"], "no evaluations"),
        (["leaderboard", "build", "nowhere"], "board.toml"),
        (["leaderboard", "export", "nowhere", "--organization", "me", "--out", "o"], "board.toml"),
        (["leaderboard", "import", "nowhere", "o"], "board.toml"),
        (["card", "nowhere"], "alumbench train"),
        (["push", "nowhere", "me/x"], "alumbench train"),
        (["push", "nowhere", "x"], "OWNER/NAME"),
        (["train", "--task", "sst2", "--model", "m", "--out", "o", "--report-to", "tensorbord"], "'tensorboard'"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_one_clear_line(run, arguments: list[str], message: str) -> None:
    status, text = run(*arguments)
    assert status != 0
    assert message in text
    assert "Traceback" not in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command: str) -> None:
    status, text = run(command, "--help")
    assert status == 0 and "Usage: alumbench" in text
    assert "\\b" not in text, "marks for click are no text"


def test_every_option_has_help() -> None:
    def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
        yield name, command
        if isinstance(command, click.Group):
            for below in command.list_commands(click.Context(command)):
                found = command.get_command(click.Context(command), below)
                assert found is not None
                yield from commands(found, f"{name} {below}")

    options = [
        (name, option)
        for name, command in commands(group, "alumbench")
        for option in command.params
        if isinstance(option, click.Option)
    ]
    assert len(options) > 100 and not [(name, o.opts) for name, o in options if not o.help and not o.hidden]


def test_listings_name_everything(run) -> None:
    for command, names in (("tasks", task_names()), ("methods", method_names())):
        status, text = run(command)
        assert status == 0 and all(name in text for name in names)
    status, text = run("recipes")
    assert status == 0 and "deepwordbug-all-words@1" in text
    status, text = run("suites")
    assert status == 0 and "textattack-core@1" in text and "advglue-sst2" in text


def test_methods_are_listed_in_a_line_each_and_told_one_at_a_time(run) -> None:
    status, text = run("methods")
    lines = text.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines[: len(method_names())]] == method_names()
    costs = {line.split()[0]: line.split()[1] for line in lines[: len(method_names())]}
    assert (costs["standard"], costs["alum"], costs["fgm"], costs["alum-ref"]) == ("3", "7", "6", "8")
    assert any(line.startswith("freelb ") and "3 K " in line for line in lines)
    assert "--set" not in text
    for name in method_names():
        status, text = run("methods", name)
        assert status == 0
        assert (inspect.getdoc(load_method(name)) or "").splitlines()[0] in text.splitlines()[0]
        assert f"source: {load_method(name).source}" in text
        for key, value in make_method(name, {}).parameters().items():
            told = text.splitlines()
            meaning = told[told.index(f"  --set {key}={value}") + 1]
            assert meaning.startswith(" " * 8) and meaning.strip(), f"{name}: {key} is not explained"
    status, text = run("methods", "allum")
    assert status == 1 and "Did you mean 'alum'" in text


def test_doctor_says_what_is_missing_and_how_it_comes(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nltk

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    status, text = run("doctor", "--suite", "textattack-core")
    assert status == 0
    assert "stopwords" in text and "python -m nltk.downloader stopwords" in text
    assert "python -m nltk.downloader wordnet" in text


def test_attack_compare_and_verify_from_the_command_line(run, checkpoint: Path, tmp_path: Path) -> None:
    status, text = run("attack", checkpoint, "--suite", "smoke", "--limit", "6", "--out", tmp_path / "one")
    assert status == 0, text
    assert "accuracy under attack" in text and "records:" in text and "next: alumbench" in text
    status, text = run("verify", tmp_path / "one")
    assert status == 0 and "still hold" in text
    status, text = run("compare", tmp_path / "one", "--format", "json")
    assert status == 0 and {item["entry"] for item in json.loads(text)} == {
        "clean",
        "adversarial",
        "deepwordbug-all-words",
    }


def test_attack_ends_with_flags_and_what_to_type_next(run, checkpoint: Path, tmp_path: Path) -> None:
    status, text = run("attack", checkpoint, "--suite", "smoke", "--only", "clean", "--out", tmp_path / "clean")
    assert status == 0 and "flags: none" in text
    assert "next: " not in text, "no text to verify, nothing to compare with"
    status, text = run("attack", checkpoint, "--suite", "smoke", "--limit", "3", "--out", tmp_path / "attacked")
    assert status == 0 and f"alumbench verify {tmp_path / 'attacked'}" in text
    assert "flag: fewer-than-two-attacks: deepwordbug-all-words alone; others may find more" in text


def test_skip_broken_from_the_command_line(run, pair_checkpoint: Path, tmp_path: Path) -> None:
    from tests.evaluation.test_ensembles import TWO

    (tmp_path / "two.toml").write_text(TWO)
    folder = shutil.copytree(pair_checkpoint, tmp_path / "checkpoint")
    status, text = run("attack", folder, "--suite", tmp_path / "two.toml", "--skip-broken", "--limit", "8")
    assert status == 0 and "worst case both@3" in text
    document = json.loads((folder / "evaluations/two-seed1-limit8-skip-broken/evaluation.json").read_text())
    assert document["identity"]["skip_broken"] == "both@3"
    status, text = run("attack", folder, "--suite", "smoke", "--skip-broken")
    assert status == 1 and "--skip-broken needs one ensemble" in text


def test_a_suite_for_other_tasks_is_refused(run, checkpoint: Path) -> None:
    status, text = run("attack", checkpoint, "--suite", "anli")
    assert status == 1 and "suite 'anli' has no entry for task 'mini-sentiment'" in text


def test_the_group_lists_what_exists() -> None:
    assert group.list_commands(None) == list(COMMANDS)  # type: ignore[arg-type]
