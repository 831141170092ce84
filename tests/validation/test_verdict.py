"""One story: every sentence of the verdict comes from the test that stands below it."""

import pytest

from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import load_checklist
from caloforge.validation.evidence import Evidence, collect
from caloforge.validation.gather import of_two_samples
from caloforge.validation.key import Key
from caloforge.validation.verdict import paragraph


def p_value(metric, p, detail=""):
    return Evidence(Key(metric), Measured(p, 0.0, 0.5, 0.29), 500, detail)


def words(histograms, classifiers, area=0.52, named="layer_energy of layer 3 (tail)", told=""):
    """The verdict on these p-values, beside separation powers of which none stands out."""
    evidence = [
        Evidence(Key("separation", "layer_energy"), Measured(0.001, 0.001, 0.001, 0.001), 500),
        p_value("permutation", histograms, named),
        p_value("classifier_test", classifiers),
        p_value("two_sample", min(1, 2 * min(histograms, classifiers)), f"histograms p = {histograms:.2g}"),
        Evidence(Key("auc", "high"), Measured(area, 0.02, 0.5, 0.02), 500, told),
    ]
    return paragraph(load_checklist("analysis"), (), collect(evidence))


def test_a_difference_that_the_permutation_test_finds_is_said_and_named():
    """One layer at 8 sigma, p = 0.002, every mean separation power within its floor."""
    text = words(0.002, 0.4)
    assert "finds a difference: p = 0.004 (histograms p = 0.002)" in text
    assert "Distributions that differ: layer_energy of layer 3 (tail)." in text
    assert "Classifiers trained on 500 showers of each kind cannot tell them from Geant4" in text


def test_no_difference_is_said_where_neither_test_finds_one():
    text = words(0.3, 0.4, named="")
    assert "finds no difference with 500 showers: p = 0.6" in text
    assert "differ:" not in text


@pytest.mark.parametrize(("p", "apart"), [(0.0049, True), (0.0051, False)])
def test_what_one_test_says_the_two_together_say(p, apart):
    """Half the level for each of the two tests: no sentence contradicts the one before it."""
    text = words(0.3, p, area=0.7, named="", told="mostly by neighbours (0.120)")
    assert ("finds a difference" in text) == apart
    assert ("Classifiers tell them from Geant4" in text) == apart
    assert "high: AUC 0.700 ± 0.020, floor 0.500 ± 0.020, mostly by neighbours (0.120)" in text


def test_without_classifiers_the_histograms_stand_alone():
    (together,) = of_two_samples(p_value("permutation", 0.03), {}, None)
    assert together.key == Key("two_sample")
    assert together.measured.value == 0.03
    assert together.detail == "histograms p = 0.03"
