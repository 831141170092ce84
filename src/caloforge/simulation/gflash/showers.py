r"""Gflash, the classical peer: Grindhammer and Peters' parametrisation of electron showers (hep-ex/0001020), no Geant4.

.. math:: dE = E\, f(t)\,dt\; f(r)\,dr\; d\varphi / 2\pi

with the profiles of `gflash_profile`. :math:`\ln T` and :math:`\ln\alpha` fluctuate from shower to shower and are
correlated; energy sampled in each period fluctuates as :math:`c\sqrt{E}`; it is laid down in spots of equal energy.
Visible is the minimum ionising share of the active slabs times :math:`\hat e`: a measured one where there is one.
"""

__all__ = ["MEASURED", "NAME", "RANGE", "Tuning", "check", "simulate", "tuning_of"]

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge import rng
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import Detector, Slab, is_preset
from caloforge.simulation.gflash.medium import medium
from caloforge.simulation.gflash.profile import Profile, profile, radial
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.readout_fit import check_readout
from caloforge.units import GeV, MeV, format_energy

NAME = "Grindhammer-Peters parametrisation"
RANGE = (500 * MeV, 1000 * GeV)  # below, the spread of ln T grows past what the formulas describe
SLICE = 0.5
_BLOCK = 64  # showers whose spots are in memory together


@dataclass(frozen=True)
class Tuning:
    """What the paper leaves to a measurement on full simulation.

    Args:
        calibration: measured ê over that of the paper's formula.
        stochastic: resolution constant c of the sampling, in sqrt(GeV): sigma/E = c / sqrt(E/GeV).
    """

    calibration: float
    stochastic: float


# On the bundled Geant4 sample, by tools/studies/compare_gflash.py.
MEASURED = {"par04-siw": Tuning(calibration=1.249, stochastic=0.134)}


def tuning_of(detector: Detector) -> Tuning:
    """What was measured for this detector, else calibration 1 and c of a formula.

    For a sampling calorimeter :math:`c = 2.7\\,\\% \\sqrt{d/f}`, with d the thickness of an active slab in mm and f the
    sampling fraction (Livan, Vercesi and Wigmans, CERN 95-02); it is too small for slabs as thin as silicon. For a
    homogeneous one c = 0.

    Args:
        detector: a planar stack.

    Raises:
        BadValue: a material that the parametrisation does not know.
    """
    if detector.name in MEASURED and is_preset(detector):
        return MEASURED[detector.name]
    stuff = medium(detector)
    if not np.isfinite(stuff.sampling_frequency):
        return Tuning(1.0, 0.0)
    thickness = np.mean([slab.thickness for slab in detector.slabs if slab.sensitive])
    return Tuning(1.0, float(0.027 * np.sqrt(thickness / stuff.mip_fractions.mean())))


def simulate(
    detector: Detector,
    primaries: Primaries,
    binning: Binning,
    each: Callable[[int], None] = lambda index: None,
    tuning: Tuning | None = None,
) -> Showers:
    """Parametrised showers of electrons or positrons; shower i depends on its energy and seeds alone.

    Args:
        detector: the stack.
        primaries: particle, energies and seeds, for instance ``beam.primaries(n, seed)``.
        binning: the mesh, with depths.
        each: called with the index of every finished shower.
        tuning: response and resolution; default `tuning_of` the detector.

    Raises:
        BadValue: another particle, an energy outside `RANGE`, an unknown material, a mesh that does not fit.
    """
    check(detector, primaries)
    shower = _Shower(detector, binning, tuning or tuning_of(detector))
    cells = np.zeros((len(primaries), binning.n_voxels), np.float32)
    for start in range(0, len(primaries), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(primaries)))
        cells[rows] = shower.cells(primaries[rows])
        for index in range(rows.start, rows.stop):
            each(index)
    return Showers.perpendicular(cells, primaries.energy, binning, primaries.pdg)


def check(detector: Detector, primaries: Primaries) -> None:
    """Refuse what the parametrisation does not describe.

    Args:
        detector: the stack.
        primaries: particles, energies and angles.

    Raises:
        BadValue: events, another particle than e- and e+, an energy outside `RANGE`, inclined showers, a cylinder.
    """
    if primaries.events is not None:
        raise BadValue("engine", "gflash", f"the {NAME} is for showers of one particle each, not for events")
    if primaries.angles is not None:
        raise BadValue("theta", "inclined", f"the {NAME} is for particles that arrive perpendicular to the face")
    if detector.inner_radius is not None:
        raise BadValue("detector", detector.name, f"the {NAME} is for planar stacks, without inner_radius")
    others = primaries.pdg[np.abs(primaries.pdg) != 11]
    if len(others):
        raise BadValue("particle", int(others[0]), f"the {NAME} covers e- and e+ (PDG 11 and -11)")
    for energy in (float(primaries.energy.min()), float(primaries.energy.max())):
        if not RANGE[0] <= energy <= RANGE[1]:
            low, high = map(format_energy, RANGE)
            raise BadValue("energy", format_energy(energy), f"the {NAME} holds between {low} and {high}")


def _sliced(detector: Detector) -> Detector:
    """A homogeneous detector in slices of at most `SLICE` radiation lengths, over which the profile hardly changes."""
    if not all(slab.sensitive for slab in detector.slabs):
        return detector
    slices: list[Slab] = []
    for slab in detector.slabs:
        n = math.ceil(slab.thickness / (SLICE * detector.bulk_of(slab).radiation_length))
        slices += [replace(slab, thickness=slab.thickness / n)] * n
    return replace(detector, slabs=tuple(slices))


class _Shower:
    """One detector, mesh and tuning, ready to make showers."""

    def __init__(self, detector: Detector, binning: Binning, tuning: Tuning) -> None:
        detector = _sliced(detector)
        self.layers, untuned = check_readout(detector, binning), medium(detector)
        self.medium = replace(untuned, e_mip=untuned.e_mip * tuning.calibration)  # measured, where it was
        self.binning, self.tuning = binning, tuning

    def cells(self, primaries: Primaries) -> Float[Array, "n V"]:
        """Draw shower by shower, so that none has a past; compute together."""
        energy = primaries.energy.astype(float)
        streams = [rng.stream(int(a), "gflash", int(b)) for a, b in primaries.seeds]
        shapes = profile(self.medium, energy, np.stack([s.standard_normal(2) for s in streams]))
        visible = self._visible(energy, shapes, streams)
        expected = self._n_spots(energy)[:, None] * shapes.spots(self.medium).share(self.medium.depths)
        spots = np.stack([np.maximum(s.poisson(m), 1) for s, m in zip(streams, expected, strict=True)])
        draws = np.concatenate([s.random((int(n), 3)) for s, n in zip(streams, spots.sum(axis=1), strict=True)])
        row, period = (np.repeat(i.ravel(), spots.ravel()) for i in np.indices(spots.shape))
        middle = (self.medium.depths[:-1] + self.medium.depths[1:]) / 2
        weight, core, tail = radial(self.medium, energy[:, None], shapes.scaled(middle))
        scale = np.where(draws[:, 0] < weight[row, period], core[row, period], tail[row, period])
        r = self.medium.moliere_radius * scale * np.sqrt(draws[:, 1] / (1 - draws[:, 1]))
        index = self.binning.flat_index(self.layers[period], r, 2 * np.pi * draws[:, 2] - np.pi)
        inside, v = index >= 0, self.binning.n_voxels
        spot_energy = (visible / spots)[row, period]
        flat = np.bincount(row[inside] * v + index[inside], spot_energy[inside], len(energy) * v)
        return flat.reshape(-1, v).astype(np.float32)

    def _visible(
        self, energy: Float[Array, " n"], shapes: Profile, streams: list[np.random.Generator]
    ) -> Float[Array, "n periods"]:
        """Energy seen in each sensitive slab, MeV: a gamma variate of mean dE and variance c2 dE."""
        deposit = energy[:, None] * shapes.share(self.medium.depths)
        unit = self.tuning.stochastic**2 * GeV
        if unit > 0:
            deposit = np.stack([unit * s.standard_gamma(d / unit) for s, d in zip(streams, deposit, strict=True)])
        return deposit * self.medium.mip_fractions * self.medium.e_mip

    def _n_spots(self, energy: Float[Array, " n"]) -> Float[Array, " n"]:
        """Mean number of spots: 10.3/c E^0.959 for sampling, 93 ln Z E^0.876 for homogeneous media, E in GeV."""
        if np.isfinite(self.medium.sampling_frequency):
            return 10.3 / max(self.tuning.stochastic, 0.01) * (energy / GeV) ** 0.959
        return 93 * np.log(self.medium.z) * (energy / GeV) ** 0.876
