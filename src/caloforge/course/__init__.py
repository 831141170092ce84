"""The hands-on course: chapters that become notebooks, and what marks their exercises.

``cf.course.check(6, answer)`` in a notebook and ``caloforge check 6`` mark alike.
"""

__all__ = ["Mark", "chapters", "check", "swapped_cables"]

from caloforge.course.chapters import chapters
from caloforge.course.marking import Mark, check
from caloforge.course.swapped import swapped_cables
