r"""Where the energy of a shower goes, event by event: deposited, leaked, taken by neutrinos, invisible.

.. math:: E_\mathrm{in} = E_\mathrm{sensitive} + E_\mathrm{passive} + E_\mathrm{leaked} + E_\nu + E_\mathrm{invisible}

Kinetic energies, with the rest energy of what can vanish: 2 m_e of a positron, m of a meson, and of a muon where it
decays. In electromagnetic lists nothing is invisible; in hadronic ones it is nuclear binding, less what captured
neutrons give back. Import this module only where `engine` may be imported.
"""

__all__ = ["Balance", "Ledger"]

from dataclasses import dataclass
from typing import Any

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.simulation.geant4.engine import Engine
from caloforge.simulation.primaries import Primaries

NEUTRINOS = (12, 14, 16)
MESONS = (111, 211, 130, 310, 311, 321, 221)
_DEPOSITED, _LEAKED, _NEUTRINOS = range(3)


@dataclass(frozen=True, eq=False)
class Balance:
    """Energies in MeV for every event.

    Args:
        incoming: kinetic energy and the rest energy that can become visible.
        sensitive: deposited in sensitive slabs, as scored, in the mesh or not.
        passive: deposited elsewhere.
        leaked: carried out of the world.
        neutrinos: the part that neutrinos carried out.
    """

    incoming: Float[Array, " n"]
    sensitive: Float[Array, " n"]
    passive: Float[Array, " n"]
    leaked: Float[Array, " n"]
    neutrinos: Float[Array, " n"]

    @property
    def invisible(self) -> Float[Array, " n"]:
        """What is missing: zero in electromagnetic lists, nuclear binding in hadronic ones."""
        return self.incoming - self.sensitive - self.passive - self.leaked - self.neutrinos


class Ledger(g4.G4UserSteppingAction):  # type: ignore[misc]
    """Books every step of an engine from now on; `shoot` in place of the engine's."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine, self.sums = engine, [0.0] * 3
        self.decays = engine.stack.hadronic
        engine.manager.SetUserAction(self)

    def UserSteppingAction(self, step: Any) -> None:  # noqa: N802 Geant4's name
        """Add the step's deposit, and what leaves the world with it.

        Args:
            step: Geant4's.
        """
        self.sums[_DEPOSITED] += step.GetTotalEnergyDeposit()
        after = step.GetPostStepPoint()
        if after.GetStepStatus() == g4.fWorldBoundary:
            particle = step.GetTrack().GetDefinition()
            where = _NEUTRINOS if abs(particle.GetPDGEncoding()) in NEUTRINOS else _LEAKED
            self.sums[where] += after.GetKineticEnergy() + self._rest(particle)

    def shoot(self, primaries: Primaries) -> Balance:
        """Where the energy of every shot goes.

        Args:
            primaries: n of them.
        """
        rows = np.zeros((len(primaries), 3))

        def close(index: int) -> None:
            rows[index], self.sums = self.sums, [0.0] * 3

        self.sums = [0.0] * 3
        sensitive = self.engine.shoot(primaries, close).sensitive
        table = g4.G4ParticleTable.GetParticleTable()
        rest_energy = np.array([self._rest(table.FindParticle(int(pdg))) for pdg in primaries.pdg])
        deposited, leaked, neutrinos = rows.T
        return Balance(
            primaries.energy.astype(float) + rest_energy, sensitive, deposited - sensitive, leaked, neutrinos
        )

    def _rest(self, particle: Any) -> float:
        """The part of a particle's rest energy that can become visible, MeV."""
        pdg, mass = particle.GetPDGEncoding(), float(particle.GetPDGMass())
        if pdg == -11:
            return 2 * mass
        return mass if abs(pdg) in MESONS or (abs(pdg) == 13 and self.decays) else 0.0
