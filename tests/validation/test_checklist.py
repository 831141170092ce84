import math

import pytest
import yaml

from caloforge.errors import BadFile, UnknownName
from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import CHECKLISTS, Checklist, Requirement, load_checklist
from caloforge.validation.evidence import Evidence
from caloforge.validation.judgement import judge, require_known
from caloforge.validation.verdict import headline


def found(value, error=0.001, floor=0.002, spread=0.001, metric="separation/response", **more):
    fields = {"where": "overall", "label": "all showers", "n": 1000, **more}
    return Evidence(metric, measured=Measured(value, error, floor, spread), **fields)


def outcome(evidence, **tolerance):
    fields = {"metric": "*", "where": evidence.where, **tolerance}
    checklist = Checklist(name="one", requirements=(Requirement(**fields),))
    return judge(checklist, [evidence]).lines[0]


@pytest.mark.parametrize("name", CHECKLISTS)
def test_shipped_lists_ask_for_what_is_measured_and_say_why(name):
    checklist = load_checklist(name)
    assert checklist.name == name
    require_known(checklist)
    assert all(requirement.why for requirement in checklist.requirements)


def test_only_strict_fails_what_it_cannot_tell():
    assert [load_checklist(name).undecided for name in CHECKLISTS] == ["fail", "allow", "allow"]


def test_sigma_and_times_are_units_of_the_floor():
    assert outcome(found(0.0069), sigma=5).outcome == "pass"
    assert outcome(found(0.0071), sigma=5).outcome == "fail"
    assert outcome(found(0.0039), times=2).outcome == "pass"
    assert outcome(found(0.0041), times=2).outcome == "fail"


def test_a_limit_of_physics_needs_showers_enough():
    assert outcome(found(0.0189), below="2 %").outcome == "pass"
    assert outcome(found(0.0211), below="2 %").outcome == "fail"
    poor = {"floor": 0.016, "spread": 0.004, "error": 0.005}  # truth itself would often exceed 0.02
    assert outcome(found(0.001, **poor), below=0.02).outcome == "cannot tell"
    # A distance of 0.02 and the floor add to 0.0256 in quadrature; two of sqrt(0.005^2 + 0.004^2) above is 0.0384.
    assert outcome(found(0.038, **poor), below=0.02).outcome == "cannot tell"
    assert outcome(found(0.039, **poor), below=0.02).outcome == "fail"
    # Where the floor falls with 1/n it adds: 0.02 + 0.016 + 0.0128.
    assert outcome(found(0.0485, power=1.0, **poor), below=0.02).outcome == "cannot tell"
    assert outcome(found(0.0495, power=1.0, **poor), below=0.02).outcome == "fail"


def test_a_floor_over_the_limit_is_not_held_against_the_model():
    """Correlations of Geant4 against Geant4, 400 against 800 showers: the floor itself is over the limit."""
    line = outcome(found(0.062, error=0.0029, floor=0.0625, spread=0.0038, metric="correlation"), below=0.05)
    assert line.outcome == "cannot tell"
    assert line.needed == 2000  # ((0.0625 + 0.0076) / 0.05) ** 2 times 1000, two digits


@pytest.mark.parametrize("value", [0.0191, 0.0209])
def test_a_number_within_its_error_of_the_limit_is_undecided(value):
    line = outcome(found(value, error=0.001), below=0.02)
    assert line.outcome == "cannot tell"
    assert line.needed == 1300  # its error falls with the root of n to the distance of 0.0009


def test_a_limit_that_truth_itself_might_miss_decides_nothing():
    """Recall above 0.9 where two samples of the truth have 0.91 +- 0.03."""
    for value, result in ((0.5, "cannot tell"), (0.99, "cannot tell")):
        assert outcome(found(value, floor=0.91, spread=0.03, sense="agreement"), above=0.9).outcome == result
    for value, result in ((0.5, "fail"), (0.93, "pass"), (0.9005, "cannot tell")):
        assert outcome(found(value, floor=0.97, spread=0.01, sense="agreement"), above=0.9).outcome == result


@pytest.mark.parametrize(("power", "needed"), [(0.5, 1500), (1.0, 1200)])
def test_the_number_of_showers_that_would_do_follows_the_floor(power, needed):
    line = outcome(found(0.02, floor=0.016, spread=0.004, error=0.005, power=power), below=0.02)
    assert line.outcome == "cannot tell"
    assert line.needed == needed  # (0.024 / 0.02) ** (1 / power) times 1000, two digits
    assert f"{needed:,} showers" in line.reason


def test_the_floor_of_an_auc_falls_towards_one_half():
    line = outcome(found(0.55, floor=0.55, spread=0.02, error=0.02, metric="auc/high", origin=0.5), below=0.6)
    assert line.outcome == "pass"
    line = outcome(found(0.55, floor=0.56, spread=0.045, error=0.02, metric="auc/high", origin=0.5), below=0.6)
    assert line.needed == 2300  # ((0.65 - 0.5) / (0.6 - 0.5)) ** 2 is 2.25


def test_agreement_is_judged_on_both_sides():
    for value in (0.85, 1.15):
        assert outcome(found(value, floor=1.0, spread=0.01, sense="agreement"), within="10 %").outcome == "fail"
        assert outcome(found(value, floor=1.0, spread=0.01, sense="agreement"), within="20 %").outcome == "pass"
        assert outcome(found(value, floor=1.0, spread=0.1, sense="agreement"), sigma=2).outcome == "pass"
        unsure = found(value, error=0.1, floor=1.0, spread=0.1, sense="agreement")
        assert outcome(unsure, within="10 %").outcome == "cannot tell"


def test_p_values_must_lie_above():
    assert outcome(found(0.5, sense="p-value"), above=0.01).outcome == "pass"
    assert outcome(found(0.005, sense="p-value"), above=0.01).outcome == "fail"
    coarse = found(0.02, sense="p-value", origin=0.02)  # 49 permutations cannot show less
    assert outcome(coarse, above=0.01).outcome == "cannot tell"


def test_what_is_not_finite_fails():
    assert outcome(found(math.inf), below=1).outcome == "fail"
    assert outcome(found(math.nan), sigma=3).outcome == "fail"


def test_globs_and_places_choose_the_numbers():
    evidence = [
        found(0.001),
        found(0.5, metric="separation/layer_energy", where="layer", label="layer 3"),
        found(0.9, metric="separation/layer_energy", where="layer", label="layer 4"),
        found(0.5, metric="ks/layer_energy", where="layer", label="layer 3"),
    ]
    each = Requirement(metric="separation/*", where="each layer", below=0.1)
    line = judge(Checklist(name="x", requirements=(each,)), evidence).lines[0]
    assert (line.outcome, line.checked, len(line.failing)) == ("fail", 2, 2)
    assert line.worst.label == "layer 4"
    assert line.reason == "separation/layer_energy 0.9 ± 0.001 in layer 4 and 1 more of 2, required under 0.1"


def result_of(undecided, *evidence, **tolerance):
    checklist = Checklist(name="mine", undecided=undecided, requirements=(Requirement(metric="*", **tolerance),))
    return judge(checklist, evidence)


def test_cannot_tell_is_not_a_pass_where_undecided_fails():
    poor = found(0.01, floor=0.016, spread=0.004, error=0.005)
    strict, lenient = (result_of(undecided, poor, below=0.02) for undecided in ("fail", "allow"))
    assert not strict.passed
    assert lenient.passed
    assert headline(strict).startswith("FAIL mine: 0 of 1 requirements met, cannot tell separation/response")
    assert headline(lenient).startswith("PASS mine: 0 of 1 requirements met, cannot tell separation/response")


def test_nothing_judged_is_no_pass():
    result = judge(load_checklist("analysis"), [])
    assert not result.passed
    assert "nothing was judged" in headline(result)


def test_what_was_not_measured_cannot_be_told_unless_that_was_wanted():
    analysis = load_checklist("analysis")
    evidence = [found(0.001, metric="ks/response")]
    outcomes = {line.name: line.outcome for line in judge(analysis, evidence).lines}
    assert outcomes["ks/*"] == "pass"
    assert outcomes["auc/high"] == "cannot tell"
    narrowed = judge(analysis, evidence, narrowed=True)
    assert [line.name for line in narrowed.lines] == ["ks/*"]
    assert "auc/high" in [requirement.name for requirement in narrowed.left_out]


def test_lines_about_places_that_do_not_exist_are_left_out():
    checklist = Checklist(name="x", requirements=(Requirement(metric="*", where="each angle bin", sigma=3),))
    assert judge(checklist, [found(1.0)]).left_out == checklist.requirements


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"metric": "fpd"}, "exactly one of"),
        ({"metric": "fpd", "below": 1, "sigma": 2}, "exactly one of"),
        ({"metric": "fpd", "below": -1}, "greater than or equal to 0"),
        ({"metric": "fpd", "below": "two"}, "valid number"),
        ({"metric": "fpd", "sigma": 2, "where": "each week"}, "where"),
        ({"metric": "fpd", "sigma": 2, "wehre": "overall"}, "wehre"),
    ],
)
def test_files_are_checked_field_by_field(tmp_path, line, problem):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"requirements": [line]}))
    with pytest.raises(BadFile, match=problem) as error:
        load_checklist(tmp_path / "mine.yaml")
    assert "requirements.0" in str(error.value)


def test_bad_files(tmp_path):
    with pytest.raises(UnknownName, match="analysis, exploration, strict"):
        load_checklist("srtict")
    for text in ("- 1", "requirements: [", "requirements: []"):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(BadFile):
            load_checklist(tmp_path / "bad.yaml")


def test_a_misspelt_metric_is_refused():
    for pattern in ("seperation/*", "fpdd", "auc/hihg"):
        with pytest.raises(UnknownName, match="checklist mine"):
            require_known(Checklist(name="mine", requirements=(Requirement(metric=pattern, sigma=3),)))


def test_ones_own_file_takes_its_name(tmp_path):
    (tmp_path / "taus.yaml").write_text("requirements:\n  - {metric: fpd, times: 3}\n")
    assert load_checklist(tmp_path / "taus.yaml").name == "taus"
