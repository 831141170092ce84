"""Chapters as notebooks: made of their pages, never over a student's work, run afresh to be marked."""

import json
import sys
from pathlib import Path

import pytest

import caloforge
from caloforge.course.chapters import Chapter, chapters
from caloforge.course.notebook import EXERCISE, cells_of, code_of, notebook_of, smaller, solution_of
from caloforge.course.rerun import rerun

PAGE = """# 1. A title

Text with a list of `code`, and [flow matching](../flow-matching.md).

```python
N = 600  # small: 20
```

Between.

```
not python
```

```python
# Exercise: dots
...
```

<details markdown>
<summary>Solution</summary>

```python
answer = 1
```

</details>

The end.
"""
CHAPTERS = pytest.mark.parametrize("page", chapters(), ids=lambda page: page.path.stem)


def test_a_page_becomes_cells_and_its_solution_stays_folded():
    cells = cells_of(PAGE)
    assert [cell.kind for cell in cells] == ["markdown", "code", "markdown", "code", "markdown"]
    assert [cell.source for cell in cells if cell.kind == "code"] == ["N = 600  # small: 20", "# Exercise: dots\n..."]
    assert "answer = 1" in cells[-1].source
    assert "The end." in cells[-1].source
    assert solution_of(PAGE) == "answer = 1"
    assert smaller("STEPS = 600  # small: 20, to try\nx = 1") == "STEPS = 20  # small: 20, to try\nx = 1"


def test_a_notebook_gives_back_its_code(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(notebook_of(cells_of(PAGE)))
    assert code_of(path) == ["N = 600  # small: 20", "# Exercise: dots\n..."]
    content = json.loads(path.read_text())
    assert "and flow matching (`docs/flow-matching.md`)." in content["cells"][0]["source"]
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    content["cells"][1]["source"] = ["%matplotlib inline\n", "!ls\n", "x = 1"]  # as Jupyter writes it
    path.write_text(json.dumps(content))
    assert code_of(path)[0] == "# %matplotlib inline\n# !ls\nx = 1"


@CHAPTERS
def test_chapters_have_what_they_must(page: Chapter):
    cells = cells_of(page.text)
    code = [cell.source for cell in cells if cell.kind == "code"]
    exercises = [source for source in code if source.startswith(EXERCISE)]
    solution = solution_of(page.text)
    assert page.text.startswith(f"# {page.number}. ")
    assert len(exercises) == 1
    assert "..." in exercises[0]
    for source in (exercises[0], solution):
        assert f"cf.course.check({page.number}, " in source.splitlines()[-1]
    assert "..." not in solution
    assert page.text.count("<details") == page.text.count("</details>") == 1
    for words in ("## Exercise", "## To go further", "ource: ", "$$", "import caloforge as cf", 'cf.open("bundled")'):
        assert words in page.text
    for source in [*code, solution]:
        compile(source, page.path.name, "exec")
        assert max(map(len, source.splitlines())) <= 120
        assert "from caloforge" not in source
        assert "import caloforge." not in source


def test_the_course_is_numbered_without_a_gap():
    assert [page.number for page in chapters()] == list(range(1, len(chapters()) + 1))


def test_chapters_are_listed_and_copied_and_never_written_over(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("course")
    assert code == 0
    for page in chapters():
        assert f"{page.number:2}  {page.title}" in out
    code, out, _ = call("course", 1)
    assert code == 0
    assert "caloforge course 1 --open" in out  # what to do next
    assert "caloforge check 1" in out
    notebook = Path(chapters()[0].notebook_name)
    assert list(tmp_path.iterdir()) == [tmp_path / notebook]
    notebook.write_text("my own work")
    code, _, err = call("course", 1)
    assert code == 1
    assert "the file exists" in err
    assert "caloforge course 1 --open" in err
    assert "--overwrite" not in err  # which this command does not take
    assert notebook.read_text() == "my own work"
    assert "unknown chapter of the course '99'" in call("course", 99)[2]
    assert "give the number of one" in call("course", "--open")[2]
    assert "unknown language of the course 'fr'; choose one of en" in call("course", 1, "--language", "fr")[2]


def test_a_chapter_in_chinese_is_listed_and_copied(call, tmp_path, monkeypatch):
    """Its headings, code and formulas are compared with the English ones in tests/test_translations.py."""
    monkeypatch.chdir(tmp_path)
    english = {page.notebook_name for page in chapters()}
    for page in chapters("zh"):
        assert page.notebook_name in english
        assert f"{page.number:2}  {page.title}" in call("course", "--language", "zh")[1]
        assert call("course", page.number, "--language", "zh")[0] == 0
        notebook = json.loads(Path(page.notebook_name).read_text(encoding="utf-8"))
        text = "".join(cell["source"] for cell in notebook["cells"])
        for words in (f"# {page.number}. ", "## 练习", "解答", "来源", "## 延伸"):
            assert words in text
        assert sum(source.startswith(EXERCISE) for source in code_of(Path(page.notebook_name))) == 1


def test_without_jupyter_the_extra_is_named(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("caloforge.cli.course.find_spec", lambda name: None)
    assert "pip install 'caloforge[course]'" in call("course", 1, "--open")[2]
    assert not list(tmp_path.iterdir())


def test_an_existing_notebook_is_opened_as_it_is(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = Path(chapters()[0].notebook_name)
    notebook.write_text("my own work")
    opened = []
    monkeypatch.setattr("caloforge.cli.course.find_spec", lambda name: True)
    monkeypatch.setattr("caloforge.cli.course.subprocess.run", lambda command, check: opened.append(command))
    assert call("course", 1, "--open")[0] == 0
    assert opened == [[sys.executable, "-m", "jupyterlab", str(notebook)]]
    assert notebook.read_text() == "my own work"


def _notebook(path, *sources):
    path.write_text(
        json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": source} for source in sources]})
    )
    return path


RIGHT = (
    "import caloforge as cf",
    'answer = {"to_images": lambda energy: energy.reshape(-1, 15, 8, 9), "slope": 1.0}',
    "cf.course.check(1, answer)",
)


def test_a_notebook_is_marked_in_a_process_of_its_own(call, tmp_path):
    right = _notebook(tmp_path / "right.ipynb", "%matplotlib inline", *RIGHT, "1 / 0")
    code, out, err = call("check", 1, right)
    assert code == 0
    assert out.startswith("Exercise 1: right.")
    assert "running the 5 code cells" in err
    assert "after that, code cell 5 fails: ZeroDivisionError" in err
    wrong = _notebook(tmp_path / "wrong.ipynb", RIGHT[0], "answer = 3", RIGHT[2])
    code, out, _ = call("check", 1, wrong)
    assert code == 1
    assert out.startswith("Exercise 1: not yet. Give a dictionary")


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ((RIGHT[0], RIGHT[2]), "code cell 2 fails: NameError: name 'answer' is not defined"),  # a cell was deleted
        ((RIGHT[0], "x ="), "code cell 2 fails: SyntaxError"),
        (("x = 1",), "no cell has a line cf.course.check(1, answer)"),
        (("import os; os._exit(3)",), "ended with status 3 before the last cell"),
        (("input()",), "code cell 1 fails: EOFError"),
    ],
)
def test_what_a_notebook_fails_of_is_said(call, tmp_path, sources, words):
    code, _, err = call("check", 1, _notebook(tmp_path / "a.ipynb", *sources))
    assert code == 1
    assert words in err


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}', '{"worksheets": []}', "\0", "[" * 10**5],
    ids=["empty", "cut", "a list", "a number", "no source", "format 3", "zero", "deep"],
)
def test_what_is_no_notebook_is_refused(call, tmp_path, content):
    path = tmp_path / "a.ipynb"
    path.write_text(content)
    code, _, err = call("check", 1, path)
    assert code == 1
    assert "no notebook of Jupyter" in err


def test_a_missing_notebook_is_said(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no such file; give a notebook, which `caloforge course NUMBER` makes" in call("check", 1)[2]


def test_the_course_is_part_of_the_package():
    """In the wheel the pages lie beside the module: hatch copies them there."""
    root = Path(caloforge.__file__).parents[2]
    for folder in ("course", "zh/course"):
        assert f'"docs/{folder}" = "caloforge/course/pages/{folder}"' in (root / "pyproject.toml").read_text()


@pytest.mark.course
@CHAPTERS
def test_a_chapter_runs_refuses_its_exercise_unsolved_and_passes_its_solution(page: Chapter, tmp_path):
    sources = []
    for cell in cells_of(page.text):
        if cell.kind == "code":
            sources += [smaller(cell.source)]
            if cell.source.startswith(EXERCISE):
                sources += [smaller(solution_of(page.text))]
    outcome = rerun(_notebook(tmp_path / "a.ipynb", *sources))
    assert outcome.failure is None
    assert [mark.right for mark in outcome.marks] == [False, True], outcome.marks
