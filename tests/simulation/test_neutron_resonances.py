"""Evaluated neutron cross sections: resonances, windows and capture where experiments have them.

Energies of filtered beams, of well-known resonances and resonance integrals are common knowledge of the field (S. F.
Mughabghab, Atlas of Neutron Resonances); typed in and not compared line by line.
"""

from dataclasses import fields

import numpy as np
import pytest

from caloforge.simulation.tables.hadron_tables import elements, neutron, write_hadron_folder
from caloforge.simulation.tables.neutron_resonances import (
    FULL_GRID,
    GRID,
    Resonances,
    averaged,
    pack,
    resonances,
    unpack,
)

ELEMENTS = {element.z: element for element in elements()}
# MeV: window between two energies, barn: no more than this is left there in the natural element
WINDOWS = {(26, 0.0245): (0.02, 0.027, 0.6), (14, 0.145): (0.1, 0.17, 0.3), (8, 2.35): (2.0, 2.6, 0.2)}
PEAKS = {  # MeV
    (26, 0.0277): (0.0245, 0.035),
    (13, 0.0059): (0.005, 0.007),
    (8, 0.435): (0.3, 0.6),
    (6, 2.08): (1.9, 2.2),
    (25, 3.37e-4): (2e-4, 6e-4),
    (74, 1.883e-5): (1e-5, 2.05e-5),
    (74, 4.15e-6): (3e-6, 6e-6),
}
INTEGRALS = {13: 0.17, 24: 1.6, 25: 14.0, 26: 1.4, 28: 2.2, 29: 4.1, 40: 1.1, 42: 26.0, 74: 352.0}  # barn, above 0.5 eV


def between(energy, low, high):
    return (energy > low) & (energy < high)


@pytest.mark.parametrize("place", WINDOWS)
def test_windows_of_filtered_beams(place):
    """A few centimetres of iron, a metre of silicon let neutrons of these energies through."""
    z, energy = place
    low, high, left = WINDOWS[place]
    inside = FULL_GRID[between(FULL_GRID, low, high)]
    total = sum(neutron(ELEMENTS[z], inside).values())
    assert inside[total.argmin()] == pytest.approx(energy, rel=0.025)
    assert total.min() < left


@pytest.mark.parametrize("place", PEAKS)
def test_resonances_where_they_are(place):
    z, energy = place
    inside = FULL_GRID[between(FULL_GRID, *PEAKS[place])]
    total = sum(neutron(ELEMENTS[z], inside).values())
    assert inside[total.argmax()] == pytest.approx(energy, rel=0.025)


@pytest.mark.parametrize("z", INTEGRALS)
def test_resonance_integrals_of_capture(z):
    """None went into the tables; of manganese the capture of the resonance at 337 eV comes out high."""
    energy = np.geomspace(0.5e-6, 20, 200_001)
    capture = neutron(ELEMENTS[z], energy)["cap"]
    assert np.trapezoid(capture, np.log(energy)) == pytest.approx(INTEGRALS[z], rel=0.22 if z == 25 else 0.12)


@pytest.mark.parametrize("z", [z for z in resonances() if z > 9])
def test_capture_averaged_over_the_spectrum_of_30_kev(z):
    """The quantity that Bao et al. list: 2/sqrt(pi) times the mean over E exp(-E/kT)."""
    spectrum = FULL_GRID**2 * np.exp(-FULL_GRID / 0.03)
    capture = neutron(ELEMENTS[z], FULL_GRID)["cap"]
    average = 2 / np.sqrt(np.pi) * np.average(capture, weights=spectrum)
    assert average == pytest.approx(ELEMENTS[z].capture, rel=0.08 if z in (40, 42, 74) else 0.005)


@pytest.mark.parametrize("z", resonances())
def test_parts_are_positive_and_add_up_to_the_evaluated_total(z):
    parts = neutron(ELEMENTS[z], FULL_GRID)
    assert min(parts["el"].min(), parts["inel"].min(), parts["cap"].min()) >= 0
    inside = between(GRID, 2e-6, 14.0)
    total = sum(neutron(ELEMENTS[z], GRID[inside]).values())
    assert total == pytest.approx(resonances()[z].total[inside], rel=1e-9)


def test_only_light_isotopes_of_iron_scatter_inelastically_below_its_first_level():
    """Fe-57 (2 %) has a level at 14 keV; that of Fe-56 lies at 847 keV."""
    below, above = neutron(ELEMENTS[26], np.geomspace(0.1, 0.66, 500)), neutron(ELEMENTS[26], np.array([1.2]))
    assert (below["inel"] < 0.02 * sum(below.values())).all()
    assert above["inel"][0] > 0.1 * sum(above.values())[0]


def test_file_keeps_a_tenth_of_a_percent():
    rng = np.random.default_rng(3)
    values = np.exp(rng.normal(0, 3, (2, 2, len(GRID))).clip(-15, 15))
    written = [Resonances(7, *values[0]), Resonances(92, *values[1])]
    for before, after in zip(written, unpack(pack(written)), strict=True):
        for field in fields(Resonances):
            assert getattr(after, field.name) == pytest.approx(getattr(before, field.name), rel=5.1e-4)


def test_averages_keep_straight_lines_and_areas():
    """Lines in ln E stay as they are; a resonance keeps its area, and is low and wide."""
    energy = np.geomspace(1e-10, 20.0, 3000)
    line = 3.0 - 0.1 * np.log(energy)
    np.testing.assert_allclose(averaged(energy, line, 0.2), line, rtol=1e-6)
    x = np.log(energy)
    peak = 1 + 50 * np.exp(-(((x - np.log(1e-3)) / 0.02) ** 2) / 2)
    broad = averaged(energy, peak, 0.2)
    assert np.trapezoid(broad, x) == pytest.approx(np.trapezoid(peak, x), rel=1e-4)
    assert broad.max() == pytest.approx(1 + 50 * 0.02 * np.sqrt(2 * np.pi) / 0.2, rel=0.01)
    outside = (energy < 1e-6) | (energy > 14)
    assert np.array_equal(broad[outside], peak[outside])
    assert averaged(energy, peak, 0.0) is peak


def test_written_tables_are_averaged_where_resonances_are_known(tmp_path):
    """The window of iron at 24.5 keV is filled; gold, of which no resonances are known, is written as computed."""
    write_hadron_folder(tmp_path / "averaged")
    write_hadron_folder(tmp_path / "evaluated", window=0)

    def elastic(folder, z):
        return np.loadtxt(tmp_path / folder / "neutron" / f"el{z}", skiprows=2).T

    energy, filled = elastic("averaged", 26)
    window = np.abs(energy - 0.0245).argmin()
    assert filled[window] > 3 * elastic("evaluated", 26)[1][window]
    assert np.array_equal(elastic("averaged", 79), elastic("evaluated", 79))
