import math

import pytest
import yaml

from caloforge.errors import BadFile, UnknownName
from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import CHECKLISTS, Checklist, Requirement, load_checklist
from caloforge.validation.evidence import Evidence
from caloforge.validation.judgement import judge, require_known
from caloforge.validation.judgement import outcome as outcome_of
from caloforge.validation.key import Key
from caloforge.validation.verdict import headline


def number(value, error=0.001, floor=0.002, spread=0.001, key="ks/response", n=1000):
    return Evidence(Key.parse(key), Measured(value, error, floor, spread), n)


def outcome(evidence, **tolerance):
    requirement = Requirement(metric="*", where=evidence.key.place.kind, **tolerance)
    return judge(Checklist(name="one", requirements=(requirement,)), [evidence])[0]


@pytest.mark.parametrize("name", CHECKLISTS)
def test_shipped_lists_ask_for_what_is_measured_and_say_why(name):
    checklist = load_checklist(name)
    assert checklist.name == name
    require_known(checklist)
    assert all(requirement.why for requirement in checklist.requirements)


def test_only_strict_fails_what_it_cannot_tell():
    assert [load_checklist(name).undecided for name in CHECKLISTS] == ["fail", "allow", "allow"]


def test_sigma_and_times_are_units_of_the_floor():
    assert outcome(number(0.0069), sigma=5).status == "pass"
    assert outcome(number(0.0071), sigma=5).status == "fail"
    assert outcome(number(0.0039), times=2).status == "pass"
    assert outcome(number(0.0041), times=2).status == "fail"


def test_a_limit_of_physics_needs_showers_enough():
    assert outcome(number(0.0189), below="2 %").status == "pass"
    assert outcome(number(0.0211), below="2 %").status == "fail"
    poor = {"floor": 0.016, "spread": 0.004, "error": 0.005}  # truth itself would often exceed 0.02
    assert outcome(number(0.001, **poor), below=0.02).status == "cannot tell"
    # A distance of 0.02 and the floor add to 0.0256 in quadrature; two of sqrt(0.005^2 + 0.004^2) above is 0.0384.
    assert outcome(number(0.038, **poor), below=0.02).status == "cannot tell"
    assert outcome(number(0.039, **poor), below=0.02).status == "fail"
    # Where the floor falls with 1/n it adds: 0.02 + 0.016 + 0.0128.
    assert outcome(number(0.0485, key="separation/response", **poor), below=0.02).status == "cannot tell"
    assert outcome(number(0.0495, key="separation/response", **poor), below=0.02).status == "fail"


def test_a_floor_over_the_limit_is_not_held_against_the_model():
    """Correlations of Geant4 against Geant4, 400 against 800 showers: the floor itself is over the limit."""
    finding = outcome(number(0.062, error=0.0029, floor=0.0625, spread=0.0038, key="correlation"), below=0.05)
    assert finding.status == "cannot tell"
    assert finding.needed == 2000  # ((0.0625 + 0.0076) / 0.05) ** 2 times 1000, two digits


@pytest.mark.parametrize("value", [0.0191, 0.0209])
def test_a_number_within_its_error_of_the_limit_is_undecided(value):
    finding = outcome(number(value, error=0.001), below=0.02)
    assert finding.status == "cannot tell"
    assert finding.needed == 1300  # its error falls with the root of n to the distance of 0.0009


def test_a_limit_that_truth_itself_might_miss_decides_nothing():
    """Recall above 0.9 where two samples of the truth have 0.91 +- 0.03."""
    for value, result in ((0.5, "cannot tell"), (0.99, "cannot tell")):
        assert outcome(number(value, floor=0.91, spread=0.03, key="recall"), above=0.9).status == result
    for value, result in ((0.5, "fail"), (0.93, "pass"), (0.9005, "cannot tell")):
        assert outcome(number(value, floor=0.97, spread=0.01, key="recall"), above=0.9).status == result


@pytest.mark.parametrize(("key", "needed"), [("ks/response", 1500), ("separation/response", 1200)])
def test_the_number_of_showers_that_would_do_follows_the_floor(key, needed):
    finding = outcome(number(0.02, floor=0.016, spread=0.004, error=0.005, key=key), below=0.02)
    assert finding.status == "cannot tell"
    assert finding.needed == needed  # (0.024 / 0.02) ** (1 / power) times 1000, two digits
    assert f"{needed:,} showers" in finding.reason


def test_the_floor_of_an_auc_falls_towards_one_half():
    finding = outcome(number(0.55, floor=0.55, spread=0.02, error=0.02, key="auc/high"), below=0.6)
    assert finding.status == "pass"
    finding = outcome(number(0.55, floor=0.56, spread=0.045, error=0.02, key="auc/high"), below=0.6)
    assert finding.needed == 2300  # ((0.65 - 0.5) / (0.6 - 0.5)) ** 2 is 2.25


def test_agreement_is_judged_on_both_sides():
    for value in (0.85, 1.15):
        assert outcome(number(value, floor=1.0, spread=0.01, key="recall"), within="10 %").status == "fail"
        assert outcome(number(value, floor=1.0, spread=0.01, key="recall"), within="20 %").status == "pass"
        assert outcome(number(value, floor=1.0, spread=0.1, key="recall"), sigma=2).status == "pass"
        unsure = number(value, error=0.1, floor=1.0, spread=0.1, key="recall")
        assert outcome(unsure, within="10 %").status == "cannot tell"


def test_p_values_must_lie_above():
    assert outcome(number(0.5, key="permutation"), above=0.01).status == "pass"
    assert outcome(number(0.005, key="permutation"), above=0.01).status == "fail"
    assert outcome(number(0.002, key="permutation"), above=0.001).status == "cannot tell"  # 499 permutations, no less


def test_what_is_not_finite_fails():
    assert outcome(number(math.inf), below=1).status == "fail"
    assert outcome(number(math.nan), sigma=3).status == "fail"


def test_globs_and_places_choose_the_numbers():
    evidence = [
        number(0.001),
        number(0.5, key="separation/layer_energy @ layer: layer 3"),
        number(0.9, key="separation/layer_energy @ layer: layer 4"),
        number(0.5, key="ks/layer_energy @ layer: layer 3"),
    ]
    each = Requirement(metric="separation/*", where="each layer", below=0.1)
    (finding,) = judge(Checklist(name="x", requirements=(each,)), evidence)
    assert finding.status == "fail"
    assert finding.numbers["checked"] == len(finding.numbers["failing"]) == 2
    assert finding.numbers["key"] == "separation/layer_energy @ layer: layer 4"
    assert finding.reason == "separation/layer_energy 0.9 ± 0.001 in layer 4 and 1 more of 2, required under 0.1"


def checklist_of(undecided, **tolerance):
    return Checklist(name="mine", undecided=undecided, requirements=(Requirement(metric="*", **tolerance),))


POOR = number(0.01, floor=0.016, spread=0.004, error=0.005)  # beyond what so few showers can tell


@pytest.mark.parametrize(("undecided", "result"), [("fail", "fail"), ("allow", "cannot tell")])
def test_a_checklist_of_which_nothing_passed_is_no_pass(undecided, result):
    checklist = checklist_of(undecided, below=0.02)
    findings = judge(checklist, [POOR])
    assert outcome_of(findings, checklist) == result
    start = f"{result.upper()} mine: 0 of 1 requirements met, cannot tell ks/response"
    assert headline(checklist, findings).startswith(start)


@pytest.mark.parametrize(("undecided", "result"), [("fail", "fail"), ("allow", "pass")])
def test_what_cannot_be_told_beside_what_passed_is_a_pass_where_that_is_allowed(undecided, result):
    requirements = tuple(Requirement(metric=metric, below=0.02) for metric in ("ks/response", "ks/mean_r"))
    checklist = Checklist(name="mine", undecided=undecided, requirements=requirements)
    findings = judge(checklist, [POOR, number(0.003, key="ks/mean_r")])
    assert outcome_of(findings, checklist) == result
    assert headline(checklist, findings).startswith(f"{result.upper()} mine: 1 of 2 requirements met, cannot tell")


def test_nothing_judged_is_no_pass():
    analysis = load_checklist("analysis")
    assert judge(analysis, []) == ()
    assert outcome_of((), analysis) == "fail"
    assert "nothing was judged" in headline(analysis, ())


def test_what_was_not_measured_cannot_be_told_unless_that_was_wanted():
    analysis = load_checklist("analysis")
    evidence = [number(0.001)]
    outcomes = {finding.test: finding.status for finding in judge(analysis, evidence)}
    assert outcomes["ks/*"] == "pass"
    assert outcomes["auc/high"] == "cannot tell"
    assert [finding.test for finding in judge(analysis, evidence, narrowed=True)] == ["ks/*"]


def test_requirements_on_places_that_do_not_exist_have_no_finding():
    checklist = Checklist(name="x", requirements=(Requirement(metric="*", where="each angle bin", sigma=3),))
    assert judge(checklist, [number(1.0)]) == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"metric": "fpd"}, "exactly one of"),
        ({"metric": "fpd", "below": 1, "sigma": 2}, "exactly one of"),
        ({"metric": "fpd", "below": -1}, "greater than or equal to 0"),
        ({"metric": "fpd", "below": "two"}, "valid number"),
        ({"metric": "fpd", "sigma": 2, "where": "each week"}, "where"),
        ({"metric": "fpd", "sigma": 2, "wehre": "overall"}, r"of requirements\.0: 'wehre' \(did you mean where\?\)"),
    ],
)
def test_files_are_checked_field_by_field(tmp_path, line, problem):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"requirements": [line]}))
    with pytest.raises(BadFile, match=problem) as error:
        load_checklist(tmp_path / "mine.yaml")
    assert "requirements.0" in str(error.value)


def test_bad_files(tmp_path):
    with pytest.raises(UnknownName, match=r"did you mean strict.*analysis, exploration, strict; docs/validation\.md"):
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
