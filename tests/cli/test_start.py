"""The command line starts without what only some commands need; its list says what commands say of themselves."""

import inspect
import os
import re
import subprocess
import sys

import pytest

from caloforge.cli.catalogue import COMMANDS, STAGES
from caloforge.cli.convert import READ, WRITTEN
from caloforge.cli.inspect_origin import in_words
from caloforge.cli.reweight import reweight
from caloforge.data.formats.registry import FORMATS
from caloforge.reweighting.crossfit import CLIP
from caloforge.simulation.physics_lists import PHYSICS_LISTS

_HEAVY = ("torch", "scipy", "sklearn", "matplotlib", "zuko", "numpy", "h5py", "particle")

_NOT_TO_GENERATE = ("sklearn", "matplotlib", "scipy.stats")


def _run(code, *words, **environment):
    env = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=env, check=False)


def test_help_of_no_command_imports_what_it_does_not_need():
    code = f"""
import contextlib, io, sys
from typer.main import get_command
from caloforge.cli.catalogue import COMMANDS
from caloforge.cli.main import app, run
def words(command, name):
    yield name
    for part, below in getattr(command, "commands", {{}}).items():
        yield from words(below, [*name, part])
group = get_command(app)
every = [[], *(each for name in COMMANDS for each in words(group.get_command(None, name), [name]))]
assert len(every) > len(COMMANDS) + 10
for name in every:
    sys.argv = ["caloforge", *name, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        run()
    assert "Usage" in text.getvalue(), name
    assert (heavy := [module for module in {_HEAVY} if module in sys.modules]) == [], (name, heavy)
"""
    assert _run(code).stderr == ""


def test_what_help_names_without_opening_it_is_what_there_is(call):
    words = " ".join(call("convert", "--help")[1].replace("│", " ").split())
    assert WRITTEN.split(", ") == [name for name, layout in FORMATS.items() if layout.writes]
    assert set(READ.split(", ")) == set(FORMATS)
    assert all(name in words for name in FORMATS)
    assert f"{', '.join(PHYSICS_LISTS)}; default" in " ".join(call("simulate", "--help")[1].replace("│", " ").split())
    assert inspect.signature(reweight).parameters["clip"].default == CLIP


def test_a_model_is_opened_without_what_only_reports_need():
    code = f"import sys, caloforge.api.model; print([m for m in {_NOT_TO_GENERATE} if m in sys.modules])"
    assert _run(code).stdout == "[]\n"


def test_the_list_has_every_command_with_its_own_first_sentence(call):
    listed = " ".join(call("--help")[1].replace("│", " ").split())
    for stage in STAGES:
        assert stage in listed
    for name, entry in COMMANDS.items():
        assert " ".join(entry.purpose.split()) in listed
        assert entry.example.split()[0] == name
        assert entry.purpose in " ".join(call(name, "--help")[1].split())


def test_shell_completion_knows_the_commands():
    answer = _run(
        "import sys; sys.argv = ['caloforge']\nfrom caloforge.cli.main import run; run()",
        COMP_WORDS="caloforge ge",
        COMP_CWORD="1",
        _CALOFORGE_COMPLETE="complete_bash",
    )
    assert answer.stdout.split() == [name for name in COMMANDS if name.startswith("ge")]


def test_all_that_goes_by_name_is_listed_with_the_command_that_takes_it(call):
    code, out, _ = call("inspect", "--names")
    assert code == 0
    for name in ("par04-siw", "siw-1080", "vae-siw-1080", "analysis", "bundled", "calochallenge-2"):
        assert name in out
    assert [line.split()[:2] for line in out.splitlines()[1::2]] == [
        ["caloforge", name] for name in ("inspect", "simulate", "models", "train", "validate", "inspect", "data")
    ]


@pytest.mark.parametrize("name", ["vae-siw-1080", "run"])
def test_a_model_that_is_inspected_names_the_command_that_shows_it(call, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("data: bundled")
    code, _, err = call("inspect", name)
    assert (code, err.strip().rpartition("; ")[2]) == (1, f"caloforge models show {name}")


def test_a_file_that_is_not_there_names_the_list_of_names(call, tmp_path):
    assert "caloforge inspect --names lists all" in call("inspect", tmp_path / "nothing.h5")[2]


def test_origins_are_told_in_lines_that_a_person_reads():
    part = {
        "file": "a.h5",
        "showers": 300,
        "provenance": {"command": "caloforge simulate -n 300", "n": 300, "tuning": {}},
    }
    training = {"training_showers": 7006, "seconds": 1217.4, "showers_digest": "d0", "data": {"command": "make it"}}
    text = in_words([part] * 12) + in_words(training) + in_words({"calibration": 1.249, "stochastic": 0.134})
    assert "{" not in text
    assert max(map(len, text.splitlines())) < 120
    for words in ("showers 300", "caloforge simulate -n 300", "and 4 more", "training_showers 7006", "data: make it"):
        assert words in text
    assert "calibration 1.249, stochastic 0.134" in text


@pytest.mark.parametrize("words", [("quickstart",), ("merge",), ("score",), ("data", "select"), ("models", "list"), ()])
def test_help_says_in_words_what_options_take(call, words):
    """Not in Python's types."""
    _, out, _ = call(*words, "--help")
    assert not re.search("<(bool|str|int|float|path|list)", out)
    if words == ("quickstart",):
        assert re.search("--live-showers +number from 2 ", out)
        assert re.search("--set +text, several ", out)
