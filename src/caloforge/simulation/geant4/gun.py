"""What Geant4 does at the ends of an event: shoot one particle with its own seeds, say that the event is over.

Import this module only where `engine` may be imported.
"""

__all__ = ["Actions", "EventEnd", "Gun"]

from collections.abc import Callable
from typing import Any

import geant4_pybind as g4

from caloforge.errors import Geant4Failed
from caloforge.simulation.directions import direction
from caloforge.simulation.geant4.simulate import Shots
from caloforge.units import mm


class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """Shoots at the origin from just before the face; seeds the engine first, so that a shower has no past."""

    def __init__(self) -> None:
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
        self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, -1 * mm))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
        self.shots: Shots | None = None

    def load(self, shots: Shots) -> None:
        self.shots = shots

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802 Geant4's name
        if self.shots is None:
            raise Geant4Failed("the gun is not loaded; call Engine.shoot")
        index = event.GetEventID()
        g4.G4Random.setTheSeeds([*self.shots.seeds[index].tolist(), 0])  # zero ends CLHEP's list of seeds
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(int(self.shots.pdg[index])))
        if self.shots.angles is not None:
            self._aim(*self.shots.angles[index].tolist())
        self.gun.SetParticleEnergy(float(self.shots.energy[index]))
        self.gun.GeneratePrimaryVertex(event)

    def _aim(self, theta: float, phi: float) -> None:
        x, y, z = direction(theta, phi)
        self.gun.SetParticlePosition(g4.G4ThreeVector(-x / z * mm, -y / z * mm, -1 * mm))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(x, y, z))


class EventEnd(g4.G4UserEventAction):  # type: ignore[misc]
    """Calls back with the number of each event that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.call: Callable[[int], None] = lambda index: None

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802 Geant4's name
        self.call(event.GetEventID())


class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.gun: Gun
        self.end: EventEnd

    def Build(self) -> None:  # noqa: N802 Geant4's name
        self.gun, self.end = Gun(), EventEnd()
        self.SetUserAction(self.gun)
        self.SetUserAction(self.end)
