"""The part of the fast simulation that lives in Geant4: particles whose shower a model makes are stopped at the face.

geant4-pybind offers no ``G4VFastSimulationModel``, so no envelope region can trigger one. A stacking action sees every
track before its first step; primaries begin at the face, so there it can take those that the model replaces out of
Geant4's hands. Import this module only where `engine` may be imported.
"""

__all__ = ["Stopper"]

from typing import Any

import geant4_pybind as g4

from caloforge.simulation.primaries import Primaries


class Stopper(g4.G4UserStackingAction):  # type: ignore[misc]
    """Kills the primaries that are replaced before they are tracked, and lets all others go on."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[list[bool]] = []
        self.stopped: list[bool] = []

    def load(self, primaries: Primaries) -> None:
        """Make ready for a run.

        Args:
            primaries: one or several for each event; those without any that is replaced have all tracked.
        """
        replaced = [False] * len(primaries) if primaries.replaced is None else primaries.replaced.tolist()
        ends = range(len(primaries) + 1) if primaries.events is None else primaries.events.offsets.tolist()
        self.events = [replaced[ends[i] : ends[i + 1]] for i in range(len(primaries))]

    def PrepareNewEvent(self) -> None:  # noqa: N802 Geant4's name
        """Geant4 is about to begin an event: which of its particles are replaced."""
        event = g4.G4EventManager.GetEventManager().GetConstCurrentEvent()
        self.stopped = self.events[event.GetEventID()]

    def ClassifyNewTrack(self, track: Any) -> Any:  # noqa: N802 Geant4's name
        """Primaries are numbered from 1 in the order in which they were shot.

        Args:
            track: Geant4's.
        """
        if track.GetParentID() == 0 and self.stopped[track.GetTrackID() - 1]:
            return g4.fKill
        return g4.fUrgent
