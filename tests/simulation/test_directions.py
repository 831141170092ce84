"""Angles as laws of probability, and the frame of the axis as a rotation."""

import numpy as np
import pytest

from caloforge.errors import BadValue, UnknownName
from caloforge.rng import stream
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.directions import Angles, direction, parse_angles, to_axis_frame

TEXTS = ["0deg", "30deg", "-12.5deg", "0deg:30deg:uniform", "10deg:80deg:solid-angle"]
SPECTRUM = parse_spectrum("1GeV")


@pytest.mark.parametrize("text", TEXTS)
def test_angles_read_and_write_their_text(text):
    assert parse_angles(text).text == text
    assert parse_angles(parse_angles(text).text) == parse_angles(text)


def test_units_of_angles():
    assert parse_angles("0.5rad").low == parse_angles("500mrad").low == 0.5
    assert parse_angles("180deg").low == pytest.approx(np.pi)


@pytest.mark.parametrize(
    ("shape", "variable"), [("uniform", np.asarray), ("solid-angle", lambda theta: -np.cos(theta))]
)
def test_angles_are_uniform_in_their_variable(shape, variable):
    angles, n = parse_angles(f"10deg:60deg:{shape}"), 20_000
    drawn = angles.sample(n, stream(2, "test"))
    u = np.sort((variable(drawn) - variable(angles.low)) / (variable(angles.high) - variable(angles.low)))
    assert np.abs(u - (np.arange(n) + 0.5) / n).max() * np.sqrt(n) < 1.95  # Kolmogorov, probability 0.001
    np.testing.assert_array_equal(drawn[:10], angles.sample(10, stream(2, "test")))


@pytest.mark.parametrize("text", ["30", "", "deg", "1deg:2", "5deg:1deg:uniform", "1deg:1deg:uniform", "infdeg", "1mm"])
def test_bad_angles_are_one_sentence(text):
    with pytest.raises(BadValue) as error:
        parse_angles(text)
    assert "\n" not in str(error.value)


def test_unknown_shape():
    with pytest.raises(UnknownName, match="solid-angle, uniform"):
        parse_angles("0deg:1deg:flat")
    with pytest.raises(BadValue, match="equal ends"):
        Angles(0.0, 1.0)


@pytest.mark.parametrize(("theta", "phi"), [(0.0, 0.0), (0.5, 0.0), (0.5, 2.0), (1.2, -1.0)])
def test_axis_frame_is_a_rotation_that_lays_z_along_the_direction(theta, phi):
    points = np.random.default_rng(0).normal(size=(3, 50))
    turned = np.stack(to_axis_frame(*points, theta, phi))
    np.testing.assert_allclose(turned.T @ turned, points.T @ points, atol=1e-12)
    along = np.array(direction(theta, phi))[:, None] * np.array([1.0, 3.0])
    np.testing.assert_allclose(to_axis_frame(*along, theta, phi), [[0, 0], [0, 0], [1, 3]], atol=1e-12)
    across = np.stack(to_axis_frame(*np.eye(3), theta, phi))
    assert np.linalg.det(across) == pytest.approx(1)


def test_directions_of_shots():
    inclined = Beam(11, SPECTRUM, parse_angles("0deg:30deg:uniform"), parse_angles("0deg:360deg:uniform"))
    few, many = inclined.primaries(5, 7), inclined.primaries(50, 7)
    np.testing.assert_array_equal(few.angles, many[:5].angles)
    assert few.angles.dtype == np.float32
    straight = Beam(11, SPECTRUM).primaries(5, 7)
    assert straight.angles is None
    assert straight[1:3].angles is None
    np.testing.assert_array_equal(straight.seeds, few.seeds)
    np.testing.assert_array_equal(straight.energy, few.energy)
    assert abs(np.corrcoef(many.angles.T)[0, 1]) < 0.5
