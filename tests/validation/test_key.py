"""Keys of numbers: one text form, which reads back as what it was."""

import pytest

from caloforge.errors import UnknownName
from caloforge.validation.key import ALL_SHOWERS, WHERE, Key, Place


@pytest.mark.parametrize("name", [("fpd", ""), ("auc", "high"), ("physics", "linearity.slope")])
@pytest.mark.parametrize("place", [ALL_SHOWERS, *(Place(kind, f"{kind} 1–5 GeV: a/b") for kind in WHERE)])
def test_the_text_form_reads_back(name, place):
    key = Key(*name, place)
    assert Key.parse(key.text) == key


def test_the_text_form_is_what_a_checklist_writes():
    assert Key("auc", "high").text == "auc/high"
    assert Key("fpd").text == "fpd"
    assert Key("ks", "response", Place("energy bin", "1–5 GeV")).text == "ks/response @ energy bin: 1–5 GeV"
    assert Key("ks", "response", Place("energy bin", "1–5 GeV")).name == "ks/response"


def test_a_place_of_no_known_kind_is_refused():
    with pytest.raises(UnknownName, match="energy bin"):
        Key.parse("ks/response @ week: 3")
