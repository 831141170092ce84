"""A student's own notebook from its first cell to its last in a fresh Python process, so that no forgotten state helps.

``python -m caloforge.course.rerun NOTEBOOK RESULT`` is what runs in that process.
"""

__all__ = ["Outcome", "rerun"]

import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from caloforge.course.marking import Mark
from caloforge.course.notebook import code_of
from caloforge.errors import BadFile


class Outcome(NamedTuple):
    """What a notebook did.

    Args:
        marks: of its exercises, in the order in which they were marked.
        failure: the cell that failed and how; None where all ran.
    """

    marks: list[Mark]
    failure: str | None


def rerun(path: Path) -> Outcome:
    """Run the code cells of a notebook in a new process, in its folder and without windows.

    Args:
        path: of the notebook, which is executed: it must be the user's own.

    Raises:
        BadFile: no notebook, or its process died.
    """
    code_of(path)  # what is no notebook is refused here
    with tempfile.TemporaryDirectory(prefix="caloforge-") as folder:
        result = Path(folder, "result.json")
        # -P: no file beside the notebook stands in for a module that the notebook does not import
        command = [sys.executable, "-P", "-m", "caloforge.course.rerun", str(path.resolve()), str(result)]
        ended = subprocess.run(
            command,
            cwd=path.resolve().parent,
            env={**os.environ, "MPLBACKEND": "Agg"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if not result.is_file():
            raise BadFile(path, f"its process ended with status {ended.returncode} before the last cell")
        content = json.loads(result.read_text())
    return Outcome([Mark(**mark) for mark in content["marks"]], content["failure"])


def _run(sources: list[str]) -> Outcome:
    marks: list[Mark] = []
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, source in enumerate(sources, 1):
        try:
            for node in ast.parse(source).body:
                if isinstance(node, ast.Expr):
                    value = eval(compile(ast.Expression(node.value), f"cell {number}", "eval"), names)
                    marks += [value] if isinstance(value, Mark) else []
                else:
                    exec(compile(ast.Module([node], []), f"cell {number}", "exec"), names)
        except Exception as error:  # of the student's code, whatever it is
            return Outcome(marks, f"code cell {number} fails: {type(error).__name__}: {error}")
    return Outcome(marks, None)


if __name__ == "__main__":
    sys.path.append("")  # the notebook's folder, as in Jupyter
    outcome = _run(code_of(Path(sys.argv[1])))
    marks = [{"number": mark.number, "right": mark.right, "text": mark.text} for mark in outcome.marks]
    Path(sys.argv[2]).write_text(json.dumps({"marks": marks, "failure": outcome.failure}))
