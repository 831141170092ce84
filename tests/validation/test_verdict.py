"""One story: every sentence of the verdict comes from the test that stands below it."""

import pytest

from caloforge.metrics.freaks import Freak, Freaks
from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import load_checklist
from caloforge.validation.evidence import Evidence, collect
from caloforge.validation.gather import of_freaks, of_two_samples
from caloforge.validation.judgement import judge
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


@pytest.mark.parametrize(("p", "named"), [(0.0001, True), (0.05, False)])
def test_freaks_are_named_where_chance_does_not_make_as_many(p, named):
    """One freak in a sample of the truth has p = 0.05."""
    item = Evidence(Key("freaks"), Measured(0.0006, 0.0002, 2.5e-6, 1e-5), 20_000, "12 of 20,000: rows 3, 5", p)
    text = paragraph(load_checklist("analysis"), (), collect([item]))
    assert ("Freak showers, outside anything that Geant4 made: 12 of 20,000: rows 3, 5." in text) == named


@pytest.mark.parametrize(
    ("count", "of", "status"),
    [
        (0, 5000, "pass"),
        (0, 500, "cannot tell"),
        (5, 4000, "cannot tell"),
        (21, 20_000, "fail"),
        (1, 500, "cannot tell"),
        (3, 500, "cannot tell"),
    ],
)
def test_the_rate_of_freaks_is_judged_with_its_interval(count, of, status):
    """A few freaks among few showers fail nothing; 21 of the quickstart's 20,000 do."""
    none = Freak(0, 1e4, 0.01, ())
    item = of_freaks(Freaks((none,) * count, of, of))
    findings = judge(load_checklist("analysis"), [item], (of, of))
    assert next(f.status for f in findings if f.test == "freaks") == status
