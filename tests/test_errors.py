"""Misspelt names are answered with the names that may be meant, and with the place where all are listed."""

import pytest

from caloforge.errors import UnknownModel, UnknownName, similar_names
from caloforge.models import MODELS
from caloforge.physics.observables import OBSERVABLES, select

MANY = [f"quantity_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("learningrate", "learning_rate"), ("FTFP-bert", "FTFP_BERT"), ("E-", "e-"), ("layer_enrgy", "layer_energy")],
)
def test_similar_names_forgive_slips_of_case_and_hyphens(name, meant):
    assert similar_names(name, ["learning_rate", "FTFP_BERT", "e-", "layer_energy", "weight_decay"])[0] == meant


def test_nothing_is_meant_by_what_resembles_nothing():
    assert similar_names("xyz", ["learning_rate", "e-"]) == []
    assert str(UnknownName("law", "xyz", ["b", "a"])) == "unknown law 'xyz'; choose one of a, b"


def test_few_names_are_written_out_and_many_only_where_nothing_lists_them():
    few = UnknownName("law", "leakge", ["resolution", "leakage"], "docs/laws.md")
    assert few.similar == ["leakage"]
    assert str(few) == (
        "unknown law 'leakge' (did you mean leakage?); choose one of leakage, resolution; docs/laws.md lists them"
    )
    assert str(UnknownName("number", "zzz", MANY, "docs/n.md")) == "unknown number 'zzz'; docs/n.md lists them"
    assert str(UnknownName("number", "zzz", MANY)).endswith(", ".join(MANY))


def test_observables():
    with pytest.raises(
        UnknownName, match=r"'respnse' \(did you mean response.*`caloforge inspect --list-observables` lists"
    ):
        select(["respnse"])
    assert len(OBSERVABLES) > 12


def test_families_of_models():
    assert "unknown model 'wgn' (did you mean wgan or gan?)" in str(UnknownModel("wgn", MODELS))
