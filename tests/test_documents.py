"""Pages name only commands, options and files that there are, and the glossary has both languages."""

import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
import typer

from caloforge.cli.catalogue import COMMANDS, STAGES

PROJECT = Path(__file__).parents[1]
OUTSIDE_THE_SITE = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md")]
PAGES = [*OUTSIDE_THE_SITE, *sorted((PROJECT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)  # language and text
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)")


def options(function):
    """Spellings of a command's options."""
    words = {"--help"}
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        info = get_args(hint)[1] if get_origin(hint) is Annotated else None
        if isinstance(info, typer.models.OptionInfo):
            given = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
            plain = parameter.name.replace("_", "-")
            own = f"--{plain}/--no-{plain}" if get_args(hint)[0] is bool else f"--{plain}"
            words.update(part for word in given or [own] for part in word.split("/"))
    return words


def commands_of(page):
    """The words of each call of caloforge in the blocks of a page, comments and what follows a pipe left out."""
    for language, block in FENCED.findall(page.read_text()):
        if language.strip() not in ("", "bash", "sh", "console"):
            continue
        for line in re.split(r"\n|&&|;", block.replace("\\\n", " ")):
            call = re.match(r"\s*(?:time |\S*/)?caloforge +([a-z][\w-]*.*)", line)
            if call is not None:
                try:
                    words = shlex.split(call[1], comments=True)
                except ValueError:  # a quote that goes on in the next line
                    words = call[1].split()
                place = words.index("--") if "--" in words else len(words)
                yield words[:place]
                if place < len(words):  # a command that another one runs
                    yield words[place + 1 :]


@pytest.fixture(scope="module")
def functions():
    """Every command, and every command of a group as `group command`, with its options."""
    spelled = {}
    for name in COMMANDS:
        module = name.replace("-", "_")
        command = getattr(import_module(f"caloforge.cli.{module}"), module)
        if isinstance(command, typer.Typer):
            for part in command.registered_commands:
                spelled[f"{name} {part.name or part.callback.__name__.replace('_', '-')}"] = options(part.callback)
        else:
            spelled[name] = options(command)
    return spelled


def test_pages_call_commands_and_options_that_there_are(functions):
    wrong, calls = [], 0
    for page in PAGES:
        for words in commands_of(page):
            group = " ".join(words[:2])
            spelled = functions.get(group, functions.get(words[0]))
            calls += 1
            if spelled is None:
                wrong.append((page.name, group))
                continue
            asked = {option[0] for word in words if (option := re.match(r"--?[a-z][a-z0-9-]*", word))}
            wrong += [(page.name, words[0], option) for option in sorted(asked - spelled)]
    assert calls > 120
    assert not wrong


def test_the_page_of_the_commands_has_all_of_them(functions, monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "tools" / "docs")
    text = import_module("commands").page()
    assert all(f"\n## {stage}\n" in text for stage in STAGES)
    for name, spelled in functions.items():
        start = text.index(f"# {name}\n")
        section = text[start : text.find("\n#", start)]
        for option in spelled - {"--help"}:
            assert option.replace("--no-", "--") in section.replace("--no-", "--"), (name, option)


@pytest.mark.parametrize("page", OUTSIDE_THE_SITE, ids=lambda page: page.name)
def test_links_of_pages_outside_the_site_lead_somewhere(page):
    targets = LINK.findall(page.read_text())
    assert targets
    assert not [target for target in targets if not (PROJECT / target).exists()]


@pytest.mark.parametrize("page", OUTSIDE_THE_SITE, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    """A stranger runs what stands there: `pytest tests/physics/test_observables.py`."""
    named = re.findall(r"(?<![\w./-])(?:tests|src|tools|docs|examples|app)/[\w/.-]*[\w/]", page.read_text())
    assert named
    assert not [name for name in named if not (PROJECT / name).exists()]


def test_every_term_of_the_glossary_has_both_languages_and_a_sentence_each():
    terms = re.findall(r"^- (.*)$", (PROJECT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(terms) > 75
    chinese = r"[^\u0000-\u007f]"
    for term in terms:
        assert re.fullmatch(rf"\*\*[^*]+\*\* · \*\*[^*]*{chinese}[^*]*\*\*: [A-Za-z].*\. .*{chinese}.*。", term), term
    names = [term.partition(" · ")[0].casefold() for term in terms]
    assert len(set(names)) == len(names)
