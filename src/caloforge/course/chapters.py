"""The chapters of the course: Markdown pages, numbered by their files, each of which becomes one notebook."""

__all__ = ["Chapter", "chapter", "chapters"]

from dataclasses import dataclass
from pathlib import Path

from caloforge.errors import UnknownName
from caloforge.yaml_model import read_text


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


def chapters() -> list[Chapter]:
    """All chapters, in order.

    Example:
        >>> import caloforge as cf
        >>> cf.course.chapters()[0].title
        'From Geant4 to images'
    """
    return [Chapter(path) for path in sorted(_pages().glob("[0-9][0-9]-*.md"))]


def chapter(number: int) -> Chapter:
    """One chapter.

    Args:
        number: from 1.

    Raises:
        UnknownName: there is none of that number.
    """
    numbered = {page.number: page for page in chapters()}
    if number not in numbered:
        raise UnknownName("chapter of the course", str(number), map(str, numbered), "`caloforge course`")
    return numbered[number]


def _pages() -> Path:
    """In the wheel they lie beside this module, in a checkout in docs/course."""
    here = Path(__file__).parent
    return here / "pages" if (here / "pages").is_dir() else here.parents[2] / "docs" / "course"
