"""The command line starts without what only some commands need; its list says what commands say of themselves."""

import os
import subprocess
import sys

import pytest

from caloforge.cli.catalogue import COMMANDS, STAGES

_HEAVY = ("torch", "scipy", "sklearn", "matplotlib", "zuko")


def _run(code, *words, **environment):
    env = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=env, check=False)


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("generate", "--help"), ("train", "--help"), ("validate", "--help")]
)
def test_help_does_not_import_what_it_does_not_need(words):
    code = (
        "import sys; from caloforge.cli.main import run\n"
        "try: run()\n"
        f"finally: print([m for m in {_HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    assert _run(code, *words).stderr.splitlines()[-1] == "[]"


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
