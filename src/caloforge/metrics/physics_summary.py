r"""The physics of two samples side by side: linearity, resolution, leakage and profiles, with errors, pulls and floors.

Every quantity T is a function of means over the showers of bins in incident energy. Errors are standard deviations over
bootstrap resamples of the showers of each bin; a fit is repeated for each resample. For n truth, m generated showers,

.. math:: \text{pull} = \frac{T_\text{gen} - T_\text{truth}}{\sqrt{\sigma_\text{gen}^2 + \sigma_\text{truth}^2}}, \qquad
          \text{floor} = \big\langle |T(m \text{ of truth}) - T(n \text{ of truth})| \big\rangle ,

so the floor is the difference that two truth samples of these sizes show. The laws: `caloforge.physics.laws`. The
resolution is rms/mean of the response in a bin; its three terms add in quadrature. Leakage is seen from inside, as the
share of the visible energy in the last tenth of the layers and in the outermost rings: what leaves the mesh, no file
knows. Depths count along the shower's axis from the face of the mesh.
"""

__all__ = ["summarise_physics"]

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning, require_one_mesh
from caloforge.metrics.bins import energy_edges
from caloforge.metrics.compared import Compared, EnergyBin, Law, PhysicsSummary
from caloforge.metrics.fits import LAW_NAMES, misfit
from caloforge.metrics.shower_laws import BinMeans, Conditions, Depths, ShowerLaws, columns_of, measure_laws
from caloforge.physics.depth import depth_unit

_FORMULAS = {
    "linearity": "E_vis = slope E + offset",
    "resolution": "sigma/E = stochastic/sqrt(E) (+) constant (+) noise/E, in quadrature, E in GeV",
    "shower_maximum": "t_max = slope ln(E/GeV) + offset, t_max = (alpha - 1)/beta of the gamma distribution",
}


def summarise_physics(
    truth: Conditions,
    generated: Conditions,
    tables: tuple[Mapping[str, Float[Array, "n _"]], Mapping[str, Float[Array, "m _"]]],
    rng: np.random.Generator,
    edges: Float[Array, " e"] | None = None,
    repeats: int = 200,
    radiation_length: float | None = None,
) -> PhysicsSummary:
    """Compare the physics of two samples, see the module.

    Args:
        truth: reference showers, or whatever has their incident energies and mesh.
        generated: the same of the generated showers.
        tables: observables of both, from `tabulate`; they hold those of `shower_laws.NEEDED`.
        rng: of the resamples.
        edges: energy bins, MeV; `energy_edges` when not given.
        repeats: bootstrap resamples.
        radiation_length: mean X0 of the detector, mm; depths of the fitted profile are then in X0.

    Raises:
        BadValue: a table lacks an observable.
        BinningMismatch: the meshes differ.
        EmptySample: too few showers in a bin.
    """
    require_one_mesh(truth.binning, generated.binning)
    mesh = truth.binning.with_depths_of(generated.binning)
    energies = (truth.incident_energy, generated.incident_energy)
    edges = energy_edges(*energies) if edges is None else edges
    where = [_which_bin(energy, edges) for energy in energies]
    sizes = [tuple(int((w == i).sum()) for i in range(len(edges) - 1)) for w in where]
    columns = [columns_of(table, energy) for table, energy in zip(tables, energies, strict=True)]
    depths = Depths.of(mesh, radiation_length)
    samples = [  # the truth, the generated sample, and the truth in place of the generated sample
        measure_laws(BinMeans.draw(columns[i], where[i], sizes[j], repeats, rng), depths)
        for i, j in ((0, 0), (1, 1), (0, 1))
    ]
    units = _units(mesh, depths)
    means = [float(energies[0][where[0] == i].mean(dtype=np.float64)) for i in range(len(edges) - 1)]
    bins = tuple(
        EnergyBin(float(low), float(high), means[i], sizes[0][i], sizes[1][i], _in_bin(samples, i, units))
        for i, (low, high) in enumerate(pairwise(edges))
    )
    laws = {name: _law(samples, name, units) for name in samples[0].laws}
    profiles = (samples[0].profile, samples[1].profile)
    both = None if profiles[0] is None or profiles[1] is None else (profiles[0], profiles[1])
    summary = PhysicsSummary(bins, laws, (), both)
    return replace(summary, notes=_notes(summary, mesh))


def _which_bin(energy: Float[Array, " N"], edges: Float[Array, " e"]) -> Int[Array, " N"]:
    return np.searchsorted(edges, energy, side="right") - 1


def _units(binning: Binning, depths: Depths) -> dict[str, str]:
    """Of all that is no pure number."""
    lengths = dict.fromkeys(("mean_radius", "radius_50", "radius_90"), "mm")
    profile = {"mean_depth": depth_unit(binning), "beta": f"1/{depths.unit}", "shower_max": depths.unit}
    terms = {"linearity.offset": "MeV", "resolution.stochastic": "sqrt(GeV)", "resolution.noise": "GeV"}
    maximum = {"shower_maximum.slope": depths.unit, "shower_maximum.offset": depths.unit}
    return lengths | profile | terms | maximum


def _in_bin(samples: list[ShowerLaws], column: int, units: dict[str, str]) -> dict[str, Compared]:
    return {
        name: _compared([sample.bins[name][:, column] for sample in samples], units.get(name, ""))
        for name in samples[0].bins
    }


def _law(samples: list[ShowerLaws], name: str, units: dict[str, str]) -> Law:
    fits = [sample.laws[name] for sample in samples]
    parameters = {
        p: _compared([fit.parameters[p] for fit in fits], units.get(f"{name}.{p}", "")) for p in fits[0].parameters
    }
    first, second, _ = fits
    chi2 = float(first.chi2), float(second.chi2)
    return Law(_FORMULAS[name], parameters, *chi2, first.degrees_of_freedom, first.limits, second.limits)


def _compared(draws: list[Float[Array, " S"]], unit: str) -> Compared:
    truth, generated, null = draws
    apart = np.abs(null[1:] - truth[1:])
    return Compared(
        unit, float(truth[0]), float(truth[1:].std(ddof=1)), float(generated[0]), float(generated[1:].std(ddof=1)),
        float(apart.mean()), float(apart.std(ddof=1)),
    )  # fmt: skip


def _misfits(summary: PhysicsSummary) -> Iterator[str]:
    """A sentence on each law that does not describe a sample."""
    for name, law in summary.laws.items():
        for of, chi2 in (("Geant4", law.chi2_truth), ("the generated showers", law.chi2_generated)):
            if sentence := misfit(LAW_NAMES[name], of, chi2, law.degrees_of_freedom):
                yield sentence
    for of, fit in zip(("Geant4", "the generated showers"), summary.profiles or (), strict=False):
        if sentence := fit.misfit(of):
            yield sentence


def _notes(summary: PhysicsSummary, binning: Binning) -> tuple[str, ...]:
    """What could not be had, and why; what does not describe the showers."""
    notes = list(_misfits(summary))
    if len(summary.bins) < 3:
        notes.append(f"no resolution fit: {len(summary.bins)} energy bins, three parameters")
    if len(summary.bins) < 2:
        notes.append("no linearity and no law of the shower maximum: one energy bin")
    if binning.n_layers < 3:
        notes.append(f"no longitudinal profile: {binning.name} has fewer than three layers")
    elif binning.z_edges is None:
        notes.append(f"depths in layers: {binning.name} does not know them in mm")
    undefined = [name for name, q in summary.quantities.items() if not q.is_defined]
    if undefined:
        notes.append(
            f"without value or error in a sample, because a fit or a mean does not exist: {', '.join(undefined)}"
        )
    return tuple(notes)
