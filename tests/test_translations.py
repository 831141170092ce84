"""Pages in Chinese keep step with their English twins: headings, paragraphs, formulas, code, links and figures.

Order of words differs between languages, so what stands inside a line is compared section by section, in any order.
"""

import ast
import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from caloforge.course.notebook import EXERCISE, smaller

ROOT = Path(__file__).parents[1]
CHINESE = ROOT / "docs" / "zh"
PAGES = sorted(CHINESE.rglob("*.md"))

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
_INLINE = re.compile(r"\$([^$\n]+)\$")
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(\[[^\[\]]*\])\(([^()\s]+)\)")
_NUMBER = re.compile(r"\d(?:[\d,.]*\d)?")
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)


class Section(NamedTuple):
    """What a section has that no translation changes."""

    level: int
    blocks: list[str]
    programs: list[str]
    displayed: list[str]
    formulas: Counter[str]
    code: Counter[str]
    links: Counter[str]
    numbers: Counter[str]


def english_of(page: Path) -> Path:
    """The page that this one is a translation of; of the README the one at the top."""
    path = page.relative_to(CHINESE)
    return ROOT / path if path == Path("README.md") else ROOT / "docs" / path


def chinese_of(page: Path) -> Path | None:
    """The translation of a page, where there is one."""
    home = ROOT if page == ROOT / "README.md" else ROOT / "docs"
    if page.is_relative_to(CHINESE) or not page.is_relative_to(home):
        return None
    place = CHINESE / page.relative_to(home)
    return place if place.is_file() else None


class _Wordless(ast.NodeTransformer):
    """Without the words that a program speaks to its reader: those of docstrings and of calls of print."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._undocumented(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._undocumented(node)

    def _undocumented(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        if ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant("words"))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "print":
            node.args = [self._said(value) for value in node.args]
        return self.generic_visit(node)

    def _said(self, value: ast.expr) -> ast.expr:
        if isinstance(value, ast.JoinedStr):  # numbers stay, in their order and with their format
            return ast.JoinedStr([part for part in value.values if not isinstance(part, ast.Constant)])
        return ast.Constant("words") if isinstance(value, ast.Constant) and isinstance(value.value, str) else value


def program(kind: str, text: str) -> str:
    """A fence without its words: comments, what is printed, what stands beside a command."""
    if kind == "python":
        exercise = EXERCISE if text.startswith(EXERCISE) else ""
        return exercise + "\n".join(ast.unparse(_Wordless().visit(ast.parse(size))) for size in (text, smaller(text)))
    lines = (re.sub(r"(^|\s)#\s.*$", "", line) for line in text.splitlines())
    return kind + "\n".join(re.sub(r"^(.*\S) {2,}[^\s-][^-\s]*( .*)?$", r"\1", line).rstrip() for line in lines)


def formula(text: str) -> str:
    """A formula without the words in it, which begin or end with a blank, and without its spacing."""
    return re.sub(r"\s+", "", re.sub(r"\\text\{( [^{}]*|[^{}]* )\}", r"\\text{}", text))


def target(link: str, page: Path) -> str:
    """Where a link leads, in English: of pages that are translated the twin, without the heading in it."""
    path, _, heading = link.partition("#")
    if "://" in link or not path:
        return link if path else "#"
    place = Path(os.path.normpath(page.parent / path))
    if place.is_relative_to(CHINESE) and place.is_file():
        return str(english_of(place).relative_to(ROOT))
    if chinese_of(place):
        return str(place.relative_to(ROOT)) + (" in English" if page.is_relative_to(CHINESE) else "")
    return f"{place.relative_to(ROOT)}#{heading}" + ("" if place.exists() else " which is missing")


def sections(text: str, page: Path) -> list[Section]:
    """The sections of a page.

    Args:
        text: of the page.
        page: where it stands, from where its links lead.
    """
    fences = [(match[1], match[2]) for match in _FENCE.finditer(text)]
    rest = _FENCE.sub("\0", text)
    assert rest.startswith("# "), f"{page} does not begin with its title"
    starts = [match.start() for match in _HEADING.finditer(rest)]
    found = []
    for start, end in zip(starts, [*starts[1:], len(rest)], strict=True):
        part = rest[start:end]
        programs = [program(*fences.pop(0)) for _ in range(part.count("\0"))]
        displayed = [formula(words) for words in _DISPLAY.findall(part)]
        blocks = [shape(block) for block in re.split(r"\n\s*\n", part.strip())]
        part = _DISPLAY.sub("", part)
        code = Counter(_CODE.findall(part))
        part = _CODE.sub("", part)
        formulas = Counter(map(formula, _INLINE.findall(part)))
        part = _INLINE.sub("", part)
        links = Counter(target(link, page) for _, link in _LINK.findall(part))
        numbers = Counter(_NUMBER.findall(_LINK.sub(r"\1", part)))
        level = part.index(" ")
        found.append(Section(level, blocks, programs, displayed, formulas, code, links, numbers))
    return found


def shape(block: str) -> str:
    """A paragraph, a list with so many items, a table with so many cells, a tag."""
    lines = block.splitlines()
    cells = sum(line.count("|") for line in lines if line.startswith("|"))
    items = sum(re.match(r"\s*(?:[-*]|\d+\.) ", line) is not None for line in lines)
    tags = re.findall(r"</?[a-z]+", block)
    return f"table of {cells}" if cells else f"list of {items}" if items else " ".join(tags) or "text"


def fallen_behind(english: list[Section], chinese: list[Section]) -> list[str]:
    """In what a translation differs from its original, section by section."""
    levels = [[section.level for section in page] for page in (english, chinese)]
    if levels[0] != levels[1]:
        return [f"levels of headings: {levels[0]} in English, {levels[1]} in Chinese"]
    told = []
    for number, (original, translated) in enumerate(zip(english, chinese, strict=True), 1):
        for field in ("blocks", "programs", "displayed", "formulas", "code", "links"):
            there, here = getattr(original, field), getattr(translated, field)
            if there != here:
                there, here = Counter(there), Counter(here)
                only = f"only in English {there - here}, only in Chinese {here - there}"
                told.append(f"section {number}, {field}: {only}")
        # Chinese may write as a figure what English writes in words
        if missing := original.numbers - translated.numbers:
            told.append(f"section {number}, figures that are missing in Chinese: {dict(missing)}")
    return told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHINESE)))
def test_a_translation_keeps_step(page: Path):
    original = english_of(page)
    assert original.is_file(), "translates a page that is not there"
    english, chinese = (sections(path.read_text(encoding="utf-8"), path) for path in (original, page))
    assert fallen_behind(english, chinese) == [], "translate what has changed in English (docs/course/authors.md)"


ENGLISH = r"""# Title

It takes 15 minutes, `cf.open` and [the page](validation.md): $x^2$ of $y$.

$$ q(z) = 0 \text{ for all}, \text{so } E_\text{tot} = 0 $$

```python
N = 600  # small: 20
def f(x):
    "Its words."
    return x  # a comment
class C:
    "What it is."
print(f"mean {f(N):.2f} MeV")
```

```
caloforge plot   a.h5 -o b/   draws it
caloforge check 1             # marks it
```

- first
- second

## Exercise

```python
# Exercise: dots
answer = ...
```
"""
TRANSLATED = [
    ("Title", "Biaoti"),
    ("It takes 15 minutes", "Yong 15 fenzhong"),
    ("$x^2$ of $y$", "$y$ de $x^2$"),
    (" for all", " dui suoyou"),
    ("so }", "yinci }"),
    ('"Its words."', '"Wenzi."'),
    ("# a comment", "# zhushi"),
    ('"What it is."', '"Shenme."'),
    ("mean {", "junzhi {"),
    ("draws it", "huatu"),
    ("# marks it", "# pigai"),
    ("# Exercise: dots", "# Exercise lianxi: dian"),
]


def _compared(changes: list[tuple[str, str]]) -> list[str]:
    text = ENGLISH
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    page = ROOT / "docs" / "page.md"
    return fallen_behind(sections(ENGLISH, page), sections(text, page))


def test_the_whole_course_is_translated():
    english, chinese = (
        {page.name for page in (home / "course").glob("[0-9]*.md")} for home in (ROOT / "docs", CHINESE)
    )
    assert chinese == english


def test_words_may_differ():
    assert _compared(TRANSLATED) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## Exercise", "### Exercise"),
        ("## Exercise", "Exercise"),
        ("15 minutes", "20 minutes"),
        ("`cf.open`", "`cf.load`"),
        ("$x^2$", "$x^3$"),
        ("q(z) = 0", "q(z) = 1"),
        (r"\text{tot}", r"\text{all}"),
        ("validation.md", "report.md"),
        ("validation.md", "nowhere.md"),
        ("N = 600", "N = 601"),
        ("small: 20", "small: 30"),
        ("return x", "return -x"),
        (":.2f", ":.3f"),
        ("f(N)", "f(2)"),
        ("-o b/", "-o c/"),
        ("check 1", "check 2"),
        ("- second\n", ""),
        ("# Exercise: dots", "# Lianxi"),
        ("- first", "A paragraph.\n\n- first"),
    ],
)
def test_a_page_that_fell_behind_is_noticed(old: str, new: str):
    assert _compared([(old, new)])
