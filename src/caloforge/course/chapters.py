"""The chapters of the course: Markdown pages, numbered by their files, each of which becomes one notebook."""

__all__ = ["Chapter", "chapter", "chapters"]

from dataclasses import dataclass
from pathlib import Path

from caloforge.errors import UnknownName
from caloforge.yaml_model import read_text

_PLACES = {"en": "course", "zh": "zh/course"}  # language -> folder of its chapters in docs, where it is there


@dataclass(frozen=True)
class Chapter:
    """A chapter of the course.

    Args:
        path: of its page, ``NN-name.md``.
    """

    path: Path

    @property
    def number(self) -> int:
        """From 1."""
        return int(self.path.name[:2])

    @property
    def text(self) -> str:
        """The page: Markdown with Python in fences."""
        return read_text(self.path, "a chapter of the course")

    @property
    def title(self) -> str:
        """Its first heading, without the number."""
        return self.text.partition("\n")[0].removeprefix(f"# {self.number}. ")

    @property
    def notebook_name(self) -> str:
        """Name of the notebook that it becomes."""
        return f"{self.path.stem}.ipynb"


def chapters(language: str = "en") -> list[Chapter]:
    """All chapters, in order.

    Args:
        language: of the pages, ``en`` or one that they were translated to.

    Raises:
        UnknownName: no such language.

    Example:
        >>> import caloforge as cf
        >>> cf.course.chapters()[0].title
        'From Geant4 to images'
    """
    return [Chapter(path) for path in sorted(_pages(language).glob("[0-9][0-9]-*.md"))]


def chapter(number: int, language: str = "en") -> Chapter:
    """One chapter.

    Args:
        number: from 1.
        language: of the page.

    Raises:
        UnknownName: there is none of that number, or no such language.
    """
    numbered = {page.number: page for page in chapters(language)}
    if number not in numbered:
        raise UnknownName("chapter of the course", str(number), map(str, numbered), "`caloforge course`")
    return numbered[number]


def _pages(language: str) -> Path:
    """In the wheel they lie beside this module, in a checkout in docs."""
    here = Path(__file__).parent
    home = here / "pages" if (here / "pages").is_dir() else here.parents[2] / "docs"
    places = {name: home / place for name, place in _PLACES.items() if (home / place).is_dir()}
    if language not in places:
        raise UnknownName("language of the course", language, places)
    return places[language]
