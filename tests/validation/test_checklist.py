import math
from dataclasses import replace

import numpy as np
import pytest
import yaml
from scipy.stats import norm

from caloforge.errors import BadFile, UnknownName
from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import CHECKLISTS, Checklist, Requirement, load_checklist
from caloforge.validation.decision import decide, deviations
from caloforge.validation.evidence import Evidence
from caloforge.validation.judgement import judge, require_known
from caloforge.validation.judgement import outcome as outcome_of
from caloforge.validation.key import Key, Place
from caloforge.validation.verdict import headline

SIZES = (1000, 1000)


def number(value, error=0.001, floor=0.002, spread=0.001, key="ks/response", n=1000):
    return Evidence(Key.parse(key), Measured(value, error, floor, spread), n)


def outcome(evidence, **tolerance):
    requirement = Requirement(metric="*", where=evidence.key.place.kind, **tolerance)
    return judge(Checklist(name="one", requirements=(requirement,)), [evidence], SIZES)[0]


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
    assert outcome(number(0.0211), below="2 %").status == "cannot tell"  # one standard error over the limit
    assert outcome(number(0.0232), below="2 %").status == "fail"  # three, and the floor in quadrature
    poor = {"floor": 0.016, "spread": 0.004, "error": 0.005}  # truth itself would often exceed 0.02
    assert outcome(number(0.001, **poor), below=0.02).status == "cannot tell"
    # A distance of 0.02 and the floor add to 0.0256 in quadrature; three standard errors above is 0.0406.
    assert outcome(number(0.0405, **poor), below=0.02).status == "cannot tell"
    assert outcome(number(0.0407, **poor), below=0.02).status == "fail"
    # Where the floor falls with 1/n it adds: 0.02 + 0.016 + 0.015.
    assert outcome(number(0.0505, key="separation/response", **poor), below=0.02).status == "cannot tell"
    assert outcome(number(0.0515, key="separation/response", **poor), below=0.02).status == "fail"


def family(largest, members, key="ks/{}", **numbers):
    """One large number among equal small ones, under a limit of 0.05."""
    evidence = [number(0.02, key=key.format(i), **numbers) for i in range(members - 1)]
    checklist = Checklist(name="many", requirements=(Requirement(metric="*", below=0.05),))
    return judge(checklist, [*evidence, number(largest, key=key.format("largest"), **numbers)], SIZES)[0]


def test_the_largest_of_many_is_not_held_to_a_limit_for_one():
    """Two halves of 2,000 electrons of Geant4: the largest of 42 distances 0.0565 +- 0.0156, required under 0.05."""
    finding = family(0.0565, 42, error=0.0156, floor=0.0194, spread=0.0058)
    assert finding.status == "cannot tell"
    assert "ks/largest 0.0565 ± 0.0156" in finding.reason
    assert "worst of 42" in finding.reason


@pytest.mark.parametrize("members", [1, 6, 71, 1000])
def test_a_family_raises_no_more_false_alarms_than_one_number(members):
    """All at the limit: any of m fails as often as one, whether they depend on each other or not."""
    rng, trials = np.random.default_rng(members), 4000
    beyond = rng.standard_normal((trials, members)).max(axis=1) > deviations(members)
    expected = norm.sf(3)
    assert abs(beyond.mean() - expected) < 4 * np.sqrt(expected / trials)
    error = 0.001
    for excess, status in ((-0.05, "cannot tell"), (0.05, "fail")):
        largest = 0.05 + (deviations(members) + excess) * error
        assert family(largest, members, error=error, floor=1e-6, spread=1e-6).status == status


def test_a_pass_of_many_needs_no_more_than_each_by_itself():
    """All must be under the limit: where each is by its error, all are."""
    for members in (1, 71):
        assert family(0.0489, members, error=0.001, floor=1e-6, spread=1e-6).status == "pass"
        assert family(0.0491, members, error=0.001, floor=1e-6, spread=1e-6).status == "cannot tell"


def test_limits_in_units_of_the_floor_rise_with_the_number_of_numbers():
    """5 sigma of one is 5.5 sigma of ten with the same false alarms; p-values are Bonferroni's."""
    for members, sigmas in ((1, 5.0), (10, 5.42)):
        limit = norm.isf(norm.sf(5) / members)
        assert limit == pytest.approx(sigmas, abs=0.01)
        for excess, status in ((-0.01, "pass"), (0.01, "fail")):
            assert (
                decide(Requirement(metric="*", sigma=5), number(0.002 + (limit + excess) * 0.001), members)[0] == status
            )
    for p, status in ((0.0051, "pass"), (0.0049, "fail")):
        assert decide(Requirement(metric="*", above=0.01), number(p, key="classifier_test"), 2).status == status


def test_a_floor_over_the_limit_is_not_held_against_the_model():
    """Correlations of Geant4 against Geant4, 400 against 800 showers: the floor itself is over the limit."""
    finding = outcome(number(0.062, error=0.0029, floor=0.0625, spread=0.0038, key="correlation"), below=0.05)
    assert finding.status == "cannot tell"
    assert finding.needed == 2200  # ((0.0625 + 0.0076 + 0.0029) / 0.05) ** 2 times 1000, two digits


@pytest.mark.parametrize("value", [0.0191, 0.0209])
def test_a_number_within_its_error_of_the_limit_is_undecided(value):
    """So many showers would tell that the error falls to the distance from the limit, or to a third of it to fail."""
    finding = outcome(number(value, error=0.001, floor=1e-5, spread=1e-6), below=0.02)
    assert finding.status == "cannot tell"
    assert finding.needed == {0.0191: 1300, 0.0209: 12_000}[value]


def test_the_showers_that_would_tell_are_those_of_each_whole_sample():
    """400 in one energy bin of 1000 against 3000: three times as many in all, of two equal samples of 1500."""
    place = "ks/response @ energy bin: 1–5 GeV"
    requirement = Requirement(metric="ks/response", where="each energy bin", below=0.05)
    item = number(0.03, floor=0.045, spread=0.02, error=0.001, key=place, n=400)
    (finding,) = judge(Checklist(name="x", requirements=(requirement,)), [item], (1000, 3000))
    assert finding.needed == 4500  # (0.086 / 0.05) ** 2 is 2.96, times 1500
    assert finding.reason.endswith("about 4,500 showers in each sample would tell")


def test_a_limit_that_truth_itself_might_miss_decides_nothing():
    """Recall above 0.9 where two samples of the truth have 0.91 +- 0.03."""
    for value, result in ((0.5, "cannot tell"), (0.99, "cannot tell")):
        assert outcome(number(value, floor=0.91, spread=0.03, key="recall"), above=0.9).status == result
    for value, result in ((0.5, "fail"), (0.93, "pass"), (0.9005, "cannot tell")):
        assert outcome(number(value, floor=0.97, spread=0.01, key="recall"), above=0.9).status == result


@pytest.mark.parametrize(("key", "needed"), [("ks/response", 1500), ("separation/response", 1300)])
def test_the_number_of_showers_that_would_do_follows_the_floor(key, needed):
    finding = outcome(number(0.015, floor=0.016, spread=0.0037, error=0.001, key=key), below=0.02)
    assert finding.status == "cannot tell"
    assert finding.needed == needed  # 0.0234 / c ** power + 0.001 / c ** 0.5 = 0.02
    assert f"{needed:,} showers" in finding.reason


def test_the_floor_of_an_auc_falls_towards_one_half():
    finding = outcome(number(0.55, floor=0.55, spread=0.02, error=0.02, key="auc/high"), below=0.6)
    assert finding.status == "pass"
    finding = outcome(number(0.55, floor=0.56, spread=0.045, error=0.02, key="auc/high"), below=0.6)
    assert finding.needed == 2900  # ((0.67 - 0.5) / (0.6 - 0.5)) ** 2 is 2.89


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
    (finding,) = judge(Checklist(name="x", requirements=(each,)), evidence, SIZES)
    assert finding.status == "fail"
    assert finding.numbers["checked"] == len(finding.numbers["failing"]) == 2
    assert finding.numbers["key"] == "separation/layer_energy @ layer: layer 4"
    assert finding.reason == "separation/layer_energy 0.9 ± 0.001 in layer 4 and 1 more of 2, required under 0.1"


def checklist_of(undecided, **tolerance):
    return Checklist(name="mine", undecided=undecided, requirements=(Requirement(metric="*", **tolerance),))


POOR = number(0.01, floor=0.016, spread=0.004, error=0.005)  # beyond what so few showers can tell


@pytest.mark.parametrize("undecided", ["fail", "allow"])
def test_a_checklist_of_which_nothing_passed_is_neither_passed_nor_failed(undecided):
    checklist = checklist_of(undecided, below=0.02)
    findings = judge(checklist, [POOR], SIZES)
    assert outcome_of(findings, checklist) == "cannot tell"
    start = "CANNOT TELL mine: 0 of 1 requirements met, cannot tell ks/response"
    assert headline(checklist, findings).startswith(start)


@pytest.mark.parametrize(("undecided", "result"), [("fail", "cannot tell"), ("allow", "pass")])
def test_what_cannot_be_told_beside_what_passed_is_a_pass_where_that_is_allowed(undecided, result):
    requirements = tuple(Requirement(metric=metric, below=0.02) for metric in ("ks/response", "ks/mean_r"))
    checklist = Checklist(name="mine", undecided=undecided, requirements=requirements)
    findings = judge(checklist, [POOR, number(0.003, key="ks/mean_r")], SIZES)
    assert outcome_of(findings, checklist) == result
    assert headline(checklist, findings).startswith(f"{result.upper()} mine: 1 of 2 requirements met, cannot tell")


def test_a_list_of_which_most_cannot_be_told_has_told_nothing():
    requirements = tuple(Requirement(metric=f"ks/{name}", below=0.02) for name in ("response", "mean_r", "mean_z"))
    checklist = Checklist(name="mine", requirements=requirements)
    passed, unsure = number(0.003, key="ks/mean_r"), [POOR, replace(POOR, key=Key("ks", "mean_z"))]
    assert outcome_of(judge(checklist, [passed, *unsure], SIZES), checklist) == "cannot tell"


def test_nothing_judged_is_no_pass():
    analysis = load_checklist("analysis")
    assert judge(analysis, [], SIZES) == ()
    assert outcome_of((), analysis) == "fail"
    assert "nothing was judged" in headline(analysis, ())


def test_what_was_not_measured_cannot_be_told_unless_that_was_wanted():
    analysis = load_checklist("analysis")
    evidence = [number(0.001)]
    outcomes = {finding.test: finding.status for finding in judge(analysis, evidence, SIZES)}
    assert outcomes["ks/*"] == "pass"
    assert outcomes["auc/high"] == "cannot tell"
    assert [finding.test for finding in judge(analysis, evidence, SIZES, narrowed=True)] == ["ks/*"]


def test_what_is_not_taken_again_in_the_only_bin_has_no_finding():
    """Showers of one energy: the response has a bias in their bin, the distances are those of all showers."""
    place = Place("energy bin", "49–51 GeV")
    evidence = [Evidence(Key("response_bias", "", place), Measured(0.001, 0.001, 0.002, 0.001), 1000)]
    lines = [Requirement(metric=metric, where="energy bin", below=0.1) for metric in ("response_bias", "ks/response")]
    checklist = Checklist(name="one energy", requirements=tuple(lines))
    assert [finding.test for finding in judge(checklist, evidence, SIZES)] == ["response_bias, each energy bin"]


def test_an_undefined_number_is_called_so():
    finding = outcome(number(math.nan, error=math.inf), below=0.02)
    assert finding.status == "fail"
    assert finding.evidence == "ks/response undefined"


def test_requirements_on_places_that_do_not_exist_have_no_finding():
    checklist = Checklist(name="x", requirements=(Requirement(metric="*", where="each angle bin", sigma=3),))
    assert judge(checklist, [number(1.0)], SIZES) == ()


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


def test_a_law_that_one_energy_has_not_has_no_finding():
    """Where laws were fitted and this one is missing; where none was fitted it cannot be told."""
    checklist = Checklist(name="x", requirements=(Requirement(metric="physics/linearity.slope", within=0.01),))
    of_a_bin = replace(number(1.0), key=Key("physics", "mean_depth", Place("energy bin", "50 GeV")))
    assert judge(checklist, [number(1.0), of_a_bin], SIZES) == ()
    assert [finding.status for finding in judge(checklist, [number(1.0)], SIZES)] == ["cannot tell"]
