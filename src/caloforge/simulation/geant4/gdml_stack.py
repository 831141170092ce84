r"""A GDML detector in Geant4, and how it is scored: into a mesh by the points of its steps, or cell by cell.

Every placement gets its index among its mother's daughters as copy number, so that the copy numbers of a step's volume
are the path of its cell. Import this module only where `engine` may be imported.
"""

__all__ = ["GdmlStack"]

from typing import Any

import geant4_pybind as g4

from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.gdml import GdmlDetector
from caloforge.simulation.geant4 import gdml_tree
from caloforge.simulation.geant4.scored_stack import Scorer, Steps, is_light, note_depth, scorers

Path = tuple[int, ...]


class GdmlStack(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """The world of a GDML file; every object stays referenced, or Python collects it.

    Args:
        detector: the file and what is read of it.
        cells: the readout, where it is by volumes.
    """

    hadronic = False

    def __init__(self, detector: GdmlDetector, cells: CellMesh | None) -> None:
        super().__init__()
        self.detector = detector
        self.place = None if cells is None else {name: i for i, name in enumerate(cells.names)}
        self.steps: dict[int, Steps] = {}
        self.paths: dict[str, dict[Path, int]] = {}
        self.referenced: list[Any] = []

    def Construct(self) -> Any:  # noqa: N802 Geant4's name
        self.parser, self.world = gdml_tree.read_world(self.detector.text)
        self.logicals = gdml_tree.logical_volumes(self.world)
        if self.place is not None:
            for placed in gdml_tree.placements(self.world, self._is_read):
                paths = self.paths.setdefault(placed.logical.GetName(), {})
                paths[placed.path] = self.place[placed.name]
            gdml_tree.numbered(self.world)
        return self.world

    def _is_read(self, logical: Any) -> bool:
        return gdml_tree.base_name(logical) in self.detector.sensitive

    def ConstructSDandField(self) -> None:  # noqa: N802 Geant4's name
        """One detector for each logical volume that is read."""
        for i, logical in enumerate(filter(self._is_read, self.logicals)):
            self.steps[i] = Steps()
            sensitive = g4.G4MultiFunctionalDetector(f"volume{i}")
            for scorer in scorers(self.steps[i], str(i), is_light([logical]), self.hadronic):
                sensitive.RegisterPrimitive(scorer)
                if self.place is None:
                    note_depth(scorer)
                else:
                    _note_cell(scorer, self.paths[logical.GetName()])
                self.referenced.append(scorer)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(sensitive)
            logical.SetSensitiveDetector(sensitive)
            self.referenced.append(sensitive)


def _note_cell(scorer: Scorer, cells: dict[Path, int]) -> None:
    """Let a scorer keep the cell of every step too: from its first step on, around what it does then."""
    add_cell = scorer.steps.cell.append

    def first(step: Any, history: Any) -> bool:
        type(scorer).ProcessHits(scorer, step, history)
        record, touchable = scorer.ProcessHits, step.GetPreStepPoint().GetTouchable
        levels = _levels(cells)

        def process(step: Any, history: Any) -> bool:
            here = touchable()
            copy = here.GetReplicaNumber
            chosen = levels or range(here.GetHistoryDepth() - 1, -1, -1)
            add_cell(table[tuple([copy(i) for i in chosen])])
            return record(step, history)

        table = {tuple(path[-1 - i] for i in levels) if levels else path: cell for path, cell in cells.items()}
        here = touchable()
        add_cell(table[tuple(here.GetReplicaNumber(i) for i in levels or range(here.GetHistoryDepth() - 1, -1, -1))])
        scorer.ProcessHits = process  # type: ignore[method-assign]
        return True

    scorer.ProcessHits = first  # type: ignore[method-assign]


def _levels(paths: dict[Path, int]) -> tuple[int, ...]:
    """Levels, counted from the innermost, at which paths of one length differ; none where their lengths do."""
    lengths = {len(path) for path in paths}
    if len(lengths) > 1:
        return ()
    (n,) = lengths
    return tuple(i for i in range(n - 1, -1, -1) if len({path[-1 - i] for path in paths}) > 1) or (0,)
