"""Checkers of the course: right answers pass, and what is wrong with others is said in a sentence."""

import numpy as np
import pytest

from caloforge.course import chapters, check

NUMBERS = [page.number for page in chapters()]


def _images(energy):
    return energy.reshape(-1, 15, 8, 9)


RIGHT = {1: [{"to_images": _images, "slope": 1.03}]}
WRONG = {  # chapter -> answers and words of what is said of them
    1: [
        ({"to_images": lambda energy: energy.reshape(-1, 15, 9, 8).swapaxes(2, 3), "slope": 1}, "ring runs fastest"),
        ({"to_images": lambda energy: energy.reshape(-1, 8, 15, 9).swapaxes(1, 2), "slope": 1}, "another order"),
        ({"to_images": lambda energy: energy.reshape(15, 8, 9), "slope": 1}, "Your function failed: ValueError"),
        ({"to_images": lambda energy: None, "slope": 1}, "returns nothing yet"),
        ({"to_images": _images}, "no entry 'slope'"),
        ({"to_images": _images, "slope": ...}, "three dots of the slope"),
        ({"to_images": _images, "slope": 4.22}, "in mm"),
        ({"to_images": _images, "slope": 2.3}, "natural logarithm"),
        ({"to_images": _images, "slope": 0.414}, "in layers"),
        ({"to_images": _images, "slope": -1.0}, "Geant4's showers give about 1"),
        ({"to_images": _images, "slope": float("nan")}, "finite"),
        ({"to_images": _images, "slope": np.ones(3)}, "one number"),
        ({"to_images": "images", "slope": 1}, "as a function"),
        (7, "dictionary with the names to_images, slope"),
    ],
}


@pytest.mark.parametrize("number", NUMBERS)
def test_right_answers_pass(number):
    for answer in RIGHT[number]:
        assert (mark := check(number, answer)).right, mark.text


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_wrong_is_said(number):
    for answer, words in [*WRONG[number], (..., "Replace the three dots"), (None, ""), ("", ""), ({}, ""), ([], "")]:
        mark = check(number, answer)
        assert not mark.right
        assert words in mark.text
        assert "\n" not in mark.text
        assert mark.text.endswith((".", "'")) or "failed" in mark.text


def test_a_mark_shows_itself_in_a_notebook_without_trusting_the_answer():
    html = check(1, "<script>")._repr_html_()
    assert "<script>" not in html
    assert "not yet" in html
