r"""A GDML detector in Geant4, and how it is scored: into a mesh by the points of its steps, or cell by cell.

Every placement gets its index among its mother's daughters as copy number, so that the copy numbers of a step's volume
are the path of its cell. Import this module only where `engine` may be imported.
"""

__all__ = ["CellScorer", "GdmlStack"]

from collections.abc import Callable
from functools import partial
from typing import Any

import geant4_pybind as g4

from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.gdml import GdmlDetector
from caloforge.simulation.geant4 import gdml_tree
from caloforge.simulation.geant4.scored_stack import Scorer, is_light, scorers
from caloforge.simulation.geant4.step_reader import recorder
from caloforge.simulation.geant4.steps import StepBuffer

Path = tuple[int, ...]


class CellScorer(Scorer):
    """A scorer that keeps the cell of every step too.

    Args:
        cells: of the paths of one logical volume.
        steps: gets them.
        selection: Geant4's filter.
    """

    def __init__(self, cells: dict[Path, int], steps: StepBuffer, selection: Any) -> None:
        super().__init__(steps, selection)
        self.cells = cells

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: N802 Geant4's name
        """Find out how to read the step and its volume once, on the first one.

        Args:
            step: Geant4's.
            history: Geant4's; not used.
        """
        record, cell_of = recorder(step, self.steps.data), _finder(step.GetPreStepPoint(), self.cells)
        self.referenced = step, step.GetPreStepPoint(), step.GetPostStepPoint()
        add_cell = self.steps.cells.append

        def process(step: Any, history: Any) -> bool:
            add_cell(cell_of())
            return record(step, history)

        self.ProcessHits = process  # type: ignore[method-assign]
        return process(step, history)


def _finder(point: Any, cells: dict[Path, int]) -> Callable[[], int]:
    """The cell that a point of a step lies in, by as few copy numbers as tell cells apart."""
    touchable, levels = point.GetTouchable, _levels(cells)
    if not levels:

        def by_path() -> int:
            here = touchable()
            return cells[tuple([here.GetReplicaNumber(i) for i in range(here.GetHistoryDepth() - 1, -1, -1)])]

        return by_path
    if len(levels) == 1:
        (level,) = levels
        by_number = {path[-1 - level]: cell for path, cell in cells.items()}
        return lambda: by_number[touchable().GetReplicaNumber(level)]
    table = {tuple(path[-1 - i] for i in levels): cell for path, cell in cells.items()}

    def by_levels() -> int:
        copy = touchable().GetReplicaNumber
        return table[tuple([copy(i) for i in levels])]

    return by_levels


def _levels(paths: dict[Path, int]) -> Path:
    """Levels, counted from the innermost, at which paths differ; none where they have not one length."""
    lengths = {len(path) for path in paths}
    if len(lengths) > 1:
        return ()
    return tuple(i for i in reversed(range(lengths.pop())) if len({path[-1 - i] for path in paths}) > 1) or (0,)


class GdmlStack(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """The world of a GDML file; every object stays referenced, or Python collects it.

    Args:
        detector: the file and what is read of it.
        cells: the readout, where it is by volumes.
    """

    hadronic = False  # whether neutral hadrons leave recoils too soft for a track of their own

    def __init__(self, detector: GdmlDetector, cells: CellMesh | None) -> None:
        super().__init__()
        self.detector = detector
        self.flat = None if cells is None else {name: i for i, name in enumerate(cells.names)}
        self.steps: list[StepBuffer] = []
        self.cells: dict[str, dict[Path, int]] = {}
        self.referenced: list[Any] = []

    def Construct(self) -> Any:  # noqa: N802 Geant4's name
        self.parser, self.world = gdml_tree.read_world(self.detector.text)
        self.logicals = gdml_tree.logical_volumes(self.world)
        if self.flat is not None:
            for placed in gdml_tree.placements(self.world, self._is_read):
                self.cells.setdefault(placed.logical.GetName(), {})[placed.path] = self.flat[placed.name]
            gdml_tree.numbered(self.world)
        return self.world

    def _is_read(self, logical: Any) -> bool:
        return gdml_tree.base_name(logical) in self.detector.sensitive

    def ConstructSDandField(self) -> None:  # noqa: N802 Geant4's name
        """One detector for each logical volume that is read."""
        for i, logical in enumerate(filter(self._is_read, self.logicals)):
            sensitive = g4.G4MultiFunctionalDetector(f"volume{i}")
            kind = Scorer if self.flat is None else partial(CellScorer, self.cells[logical.GetName()])
            for scorer in scorers(kind, i, is_light([logical]), self.hadronic):
                sensitive.RegisterPrimitive(scorer)
                self.steps.append(scorer.steps)
                self.referenced.append(scorer)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(sensitive)
            logical.SetSensitiveDetector(sensitive)
            self.referenced.append(sensitive)
