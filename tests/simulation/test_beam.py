"""Spectra as laws of probability, particles by their names, and primaries that depend on nothing but (seed, i)."""

import numpy as np
import pytest

from caloforge.errors import BadValue, UnknownName
from caloforge.rng import stream
from caloforge.simulation.beam import (
    PARTICLES,
    Beam,
    Mixture,
    Spectrum,
    parse_beam_particles,
    parse_particle,
    parse_spectrum,
)
from caloforge.simulation.directions import parse_angles

TEXTS = ["50GeV", "5GeV,10GeV,20GeV", "1GeV:100GeV:log", "1GeV:100GeV:uniform"]
LOG = parse_spectrum("1GeV:100GeV:log")


@pytest.mark.parametrize("text", TEXTS)
def test_spectrum_reads_and_writes_its_text(text):
    assert parse_spectrum(text).text == text


@pytest.mark.parametrize("text", TEXTS)
def test_first_energies_do_not_depend_on_how_many_are_drawn(text):
    spectrum = parse_spectrum(text)
    few, many = spectrum.sample(10, stream(1, "test")), spectrum.sample(1000, stream(1, "test"))
    np.testing.assert_array_equal(few, many[:10])
    assert np.all((many >= spectrum.low) & (many <= spectrum.high))


@pytest.mark.parametrize(("text", "variable"), [("1GeV:100GeV:log", np.log), ("1GeV:100GeV:uniform", np.asarray)])
def test_spectrum_is_uniform_in_its_variable(text, variable):
    spectrum, n = parse_spectrum(text), 20_000
    low, high = variable(spectrum.low), variable(spectrum.high)
    u = np.sort((variable(spectrum.sample(n, stream(2, "test"))) - low) / (high - low))
    kolmogorov = np.abs(u - (np.arange(n) + 0.5) / n).max() * np.sqrt(n)
    assert kolmogorov < 1.95  # probability 0.001


def test_points_of_a_test_beam_are_shared_evenly():
    energies = parse_spectrum("20GeV,5GeV,10GeV").sample(100, stream(1, "test"))
    np.testing.assert_array_equal(np.unique(energies, return_counts=True), [[5e3, 1e4, 2e4], [33, 33, 34]])
    assert (parse_spectrum("20GeV,5GeV").low, parse_spectrum("20GeV,5GeV").high) == (5e3, 2e4)


@pytest.mark.parametrize(
    "text",
    [
        "5GeV,",
        "5GeV,5GeV",
        "5GeV,10GeV:20GeV:log",
        ",",
        "5GeV,10",
        "50",
        "1GeV:100:log",
        "GeV",
        "",
        "1GeV:100GeV",
        "100GeV:1GeV:log",
        "1GeV:1GeV:uniform",
        "1eV",
        "1e9TeV",
    ],
)
def test_bad_energy_is_one_sentence(text):
    with pytest.raises(BadValue) as error:
        parse_spectrum(text)
    assert "\n" not in str(error.value)


def test_unknown_shape_names_the_known_ones():
    with pytest.raises(UnknownName, match="choose one of log, uniform"):
        parse_spectrum("1GeV:100GeV:flat")


def test_fixed_energy_has_one_energy():
    with pytest.raises(BadValue, match="equal ends"):
        Spectrum(1.0, 2.0)


@pytest.mark.parametrize("name", PARTICLES)
def test_particles_by_name(name):
    assert Beam(parse_particle(name), LOG).particle_name == name


def test_a_mixture_reads_and_writes_its_text():
    mixture = parse_beam_particles("e-:0.99, mu-:0.01")
    assert mixture == Mixture((11, 13), (0.99, 0.01))
    assert parse_beam_particles(mixture.text) == mixture
    assert Beam(mixture, LOG).particle_name == "e-:0.99,mu-:0.01"
    assert parse_beam_particles("pi-") == -211


def test_particles_of_a_mixture_come_with_their_fractions_and_depend_on_seed_and_place_alone():
    beam, n = Beam(Mixture((11, 13, -211), (0.7, 0.2, 0.1)), LOG), 2000
    many, few, other = beam.primaries(n, 7), beam.primaries(50, 7), beam.primaries(n, 8)
    np.testing.assert_array_equal(many.pdg[:50], few.pdg)
    np.testing.assert_array_equal(many[30:50].pdg, few.pdg[30:])
    assert (many.pdg != other.pdg).any()
    for pdg, fraction in ((11, 0.7), (13, 0.2), (-211, 0.1)):
        assert abs((many.pdg == pdg).mean() - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / n)
    np.testing.assert_array_equal(many.energy, Beam(11, LOG).primaries(n, 7).energy)
    correlation = np.corrcoef(np.log(many.energy), many.pdg == 11)[0, 1]
    assert abs(correlation) < 4 / np.sqrt(n)


@pytest.mark.parametrize(
    "text",
    [
        "e-:0.9,mu-:0.2",
        "e-:1.5,mu-:-0.5",
        "e-:1,mu-:0",
        "e-:0.5,e-:0.5",
        "e-:0.5,mu-",
        "e-:half,mu-:half",
        "e-:nan,p:1",
    ],
)
def test_a_bad_mixture_is_one_sentence(text):
    with pytest.raises(BadValue, match="mixture") as error:
        parse_beam_particles(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["electron-ish", "", "E-"])
def test_unknown_particle(name):
    with pytest.raises(UnknownName, match="choose one of K\\+, K-, e\\+, e-, gamma"):
        parse_particle(name)


@pytest.mark.parametrize("name", ["tau-", "pi0", "Sigma-", "D+"])
def test_known_particle_without_tables_is_refused(name):
    with pytest.raises(BadValue, match="the data tables cover"):
        parse_particle(name)


def test_beam_refuses_what_geant4_would_not_simulate():
    with pytest.raises(BadValue, match="particle"):
        Beam(15, LOG)
    for theta in ("-1deg", "86deg", "0deg:90deg:uniform"):
        with pytest.raises(BadValue, match="theta"):
            Beam(11, LOG, theta=parse_angles(theta))
    for phi in ("0deg:30deg:solid-angle", "-180deg:181deg:uniform", "400deg"):
        with pytest.raises(BadValue, match="phi"):
            Beam(11, LOG, phi=parse_angles(phi))


def test_shot_depends_on_seed_and_index_alone():
    beam = Beam(11, LOG)
    few, many, other = beam.primaries(5, 7), beam.primaries(50, 7), beam.primaries(5, 8)
    np.testing.assert_array_equal(few.energy, many[:5].energy)
    np.testing.assert_array_equal(few.seeds, many[:5].seeds)
    assert len(np.unique(many.seeds, axis=0)) == 50
    assert (many.seeds > 0).all()
    assert not np.any(few.energy == other.energy)
    assert not np.any(few.seeds == other.seeds)


@pytest.mark.parametrize(("n", "seed"), [(0, 1), (-3, 1), (1, -1)])
def test_shots_are_counted_in_natural_numbers(n, seed):
    with pytest.raises(BadValue):
        Beam(11, LOG).primaries(n, seed)
