"""Where the checks of files, angles and energies draw the line."""

import math

import numpy as np
import pytest

from caloforge.data.checks import (
    check_angles,
    describe_file,
    describe_open_error,
    doubts_of_response,
    excess_of_response,
)
from caloforge.errors import BadValue


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"root", "a ROOT file"),
        (b"....\xab\xad\xca\xfe", "an LCIO (SLCIO) file"),
        (b"\xab\xad\xca\xfe", "not an HDF5 file"),
        (b".root", "not an HDF5 file"),
        (b"\x93NUMPY", "a NumPy npy file"),
        (b"PAR1", "a Parquet file"),
        (b"\x1f\x8b", "gzip-compressed (gunzip it first)"),
        (b"\x89HDF", "a truncated or damaged HDF5 file"),
        (b"", "empty"),
    ],
)
def test_kinds_of_file_by_their_first_bytes(tmp_path, start, kind):
    path = tmp_path / "showers.h5"
    path.write_bytes(start)
    assert describe_file(path) == kind
    assert describe_file(tmp_path) == "a folder"


def test_why_hdf5_does_not_open_a_file(tmp_path):
    path = tmp_path / "showers.h5"
    path.write_bytes(b"root")
    for words in ("Unable to lock file", "file is already open"):
        assert "in a process that writes it" in describe_open_error(path, OSError(words))[0]
    assert describe_open_error(path, PermissionError("no"))[1] == "change its permissions"
    assert describe_open_error(path, OSError("bad magic"))[0] == "a ROOT file"


def angles(theta=0.0, phi=0.0):
    return np.array([0.1, theta]), np.array([0.1, phi])


@pytest.mark.parametrize(
    ("theta", "phi"), [(0.0, 0.0), (math.pi / 2 + 9e-6, 0.0), (0.1, 2 * math.pi + 9e-6), (0.1, -2 * math.pi - 9e-6)]
)
def test_directions_that_pass(theta, phi):
    check_angles(*angles(theta, phi))


@pytest.mark.parametrize(
    ("theta", "phi", "says"),
    [
        (
            -1e-7,
            0.0,
            "theta is -1e-07; give radians between 0 and 1.571; theta is measured from the normal: give its size",
        ),
        (math.pi / 2 + 2e-5, 0.0, "theta is 1.57081.*between 0 and 1.571; beyond pi/2 a particle flies away from the"),
        (math.pi, 0.0, "flies away from the calorimeter$"),
        (3.15, 0.0, "theta is 3.15; give radians between 0 and 1.571; are these degrees[?]$"),
        (math.nan, 0.0, "theta is nan; give radians between 0 and 1.571$"),
        (0.1, 2 * math.pi + 2e-5, "phi is 6.28320.*between -6.283 and 6.283; are these degrees[?]$"),
        (0.1, -2 * math.pi - 2e-5, "phi is -6.28320.*; are these degrees[?]$"),
        (0.1, -math.inf, "phi is -inf; give radians between -6.283 and 6.283$"),
    ],
)
def test_directions_that_do_not(theta, phi, says):
    with pytest.raises(BadValue, match=says):
        check_angles(*angles(theta, phi))


def showers(total, incident, pdg):
    return np.array([total / 2, total * 1.5]), np.array([incident, incident], float), np.array([pdg, pdg])


@pytest.mark.parametrize(
    ("response", "pdg", "refused"),
    [(1.49, 22, False), (1.5, 22, False), (1.51, 22, True), (0.0, 22, False), (1.51, 0, True)],
)
def test_a_mean_response_of_one_and_a_half_is_the_most(response, pdg, refused):
    """Photons and what no table knows have no mass to leave; single showers may leave more than the mean."""
    reason = excess_of_response(*showers(1000 * response, 1000, pdg))
    assert (reason is not None) == refused
    if refused:
        assert reason.startswith("the cells hold 1.51 times the incident energy; are incident energies in GeV")


def test_annihilation_leaves_two_masses():
    """Antiprotons of 100 MeV: 1.5 (100 + 2 x 938.27) = 2964.8 MeV each, on average."""
    assert excess_of_response(*showers(2964, 100, -2212)) is None
    assert "29.7 times" in excess_of_response(*showers(2966, 100, -2212))


@pytest.mark.parametrize(
    ("response", "incident", "pdg", "doubted"),
    [
        (0.9e-3, 1000, 11, True),
        (0.9e-3, 1000, -11, True),
        (0.9e-3, 1000, 22, True),
        (1.1e-3, 1000, 11, False),
        (0.9e-3, 1000, 211, False),  # a pion may pass
        (0.9e-3, 100, 11, False),  # so low that it may reach no cell
        (0.9e-3, 100.5, 11, True),
        (0.0, 1000, 11, True),
    ],
)
def test_less_than_a_thousandth_of_electrons_and_photons_is_odd(response, incident, pdg, doubted):
    doubts = doubts_of_response(*showers(incident * response, incident, pdg))
    assert bool(doubts) == doubted
    if doubted:
        assert f"only {response:.3g} of their energy" in doubts[0]


def test_a_response_of_exactly_a_thousandth_is_taken():
    assert doubts_of_response(np.array([1.0]), np.array([1000.0]), np.array([11])) == []


def test_only_sure_showers_count():
    """One electron of 1 GeV without energy among pions with much: doubted all the same."""
    total, incident, pdg = np.array([0.0, 900.0, 900.0]), np.full(3, 1000.0), np.array([11, 211, 211])
    assert len(doubts_of_response(total, incident, pdg)) == 1
