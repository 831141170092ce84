"""The direction of imports: a package may use only packages above it, plus those that are free to all."""

import ast
import re
from pathlib import Path

import pytest

import caloforge

ROOT = Path(caloforge.__file__).parent
ORDER = [
    "geometry",
    "data",
    "simulation",
    "physics",
    "preprocessing",
    "nn",
    "models",
    "training",
    "generation",
    "deployment",
    "metrics",
    "classifiers",
    "reporting",
    "validation",
    "reweighting",
    "diagnosis",
    "interpretation",
    "display",
    "advice",
    "config",
    "api",
    "benchmark",
    "course",
    "cli",
]
FREE = {"units", "rng", "errors", "files", "device", "yaml_model"}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT) != Path("__init__.py"))


def imported(path: Path) -> set[str]:
    """Names right below ``caloforge`` that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [node.module or ""] if node.module != "caloforge" else [f"caloforge.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("caloforge.")}
    return found - {"__version__"}


def rows_of_the_map() -> list[list[str]]:
    """Room and what it holds, from the first table of the page of the architecture."""
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
    table = page[page.index("| room | holds |") : page.index("## Objects that cross a wall")]
    return [line.strip("| ").split(" | ", 1) for line in table.splitlines()[2:] if line.startswith("|")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_upwards(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py").replace("__main__", "cli")
    if room in FREE:
        assert imported(path) <= FREE
        return
    allowed = FREE | set(ORDER[: ORDER.index(room) + 1])
    assert imported(path) <= allowed, f"{room} may not import {imported(path) - allowed}"


def test_every_room_is_in_the_order():
    rooms = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}
    assert rooms - FREE - {"__init__", "__main__"} == set(ORDER)


def test_the_map_has_these_rooms_in_this_order():
    free, *rooms = (row[0] for row in rows_of_the_map())
    assert set(re.findall(r"`(\w+)\.py`", free)) == FREE
    assert [re.sub(r"[`/ ]|\.py", "", room) for room in rooms] == ORDER


def test_the_map_names_only_what_there_is():
    for room, holds in rows_of_the_map()[1:]:
        place = ROOT / re.sub(r"[` ]", "", room)
        names = re.findall(r"`([\w/]+(?:\.py|/))`", holds)
        assert not [name for name in names if not (place / name).exists()], f"{room} of docs/architecture.md"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_keep_the_house_rules(path):
    """They say what they are and what they offer, and are no drawer of odds and ends."""
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{path} has no docstring"
    assert path.stem not in ("utils", "helpers", "misc", "common")
    offered = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    assert offered or path.stem == "__init__"


def test_only_the_engine_imports_geant4():
    engine = ROOT / "simulation" / "geant4"
    for path in MODULES:
        names = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        }
        if any(name.partition(".")[0] == "geant4_pybind" for name in names):
            assert engine in path.parents, f"{path} imports Geant4"


def test_no_circle_of_imports():
    def module(path: Path) -> str:
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    known = {module(path) for path in MODULES}
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        wanted = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    below = f"{node.module}.{alias.name}"
                    wanted.add(below if below in known else node.module)
        graph[module(path)] = (wanted & known) - {module(path)}
    while leaves := [name for name, wanted in graph.items() if not wanted & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"imports run in a circle among {sorted(graph)}"
