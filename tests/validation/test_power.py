"""The power of metrics: false alarms as promised, showers needed as the trials say, studies that go on."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import caloforge as cf
from caloforge.data.showers import Showers
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BadValue, EmptySample, UnknownName, UnwritablePath
from caloforge.geometry.binning import Binning, Layer
from caloforge.validation.power.journal import Journal
from caloforge.validation.power.page import draw_needed
from caloforge.validation.power.result import NOTHING, NULL_TRIALS, Power, TrialKey
from caloforge.validation.power.scores import score
from caloforge.validation.power.study import measure_power, possible_spoils, sizes_for
from caloforge.validation.sample import read_sample
from caloforge.validation.spoils import SPOILS, change_response

FAST = ("response_bias", "resolution_ratio")
LOUDER = partial(change_response, shift=0.1)


def study(metric, nothing, spoiled, size=100):
    """A study of one metric and spoil whose scores are given."""
    scores = {TrialKey(NOTHING, size, i): {metric: x} for i, x in enumerate(nothing)}
    scores |= {TrialKey("spoil", size, i): {metric: x} for i, x in enumerate(spoiled)}
    return Power(scores, (metric,), ("spoil",), (size,), len(spoiled))


@pytest.mark.parametrize("metric", ["fpd", "recall"])
def test_an_unspoiled_pair_is_the_most_extreme_of_twenty_once_in_twenty(metric):
    """Of a distance exactly; of an agreement nearly, whose middle the judged trial does not enter."""
    rng, repeats = np.random.default_rng(1), 2000
    shares = [
        study(metric, rng.normal(size=NULL_TRIALS), rng.normal(size=1)).power("spoil", metric, 100)
        for _ in range(repeats)
    ]
    assert np.mean(shares) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / repeats))


def test_a_distance_is_extreme_above_and_an_agreement_on_either_side():
    nothing = np.linspace(-1, 1, NULL_TRIALS)
    for metric, sides in (("fpd", (0.0, 1.0)), ("recall", (1.0, 1.0))):
        assert tuple(study(metric, nothing, [x] * 4).power("spoil", metric, 100) for x in (-3.0, 3.0)) == sides


def test_a_p_value_needs_no_unspoiled_pairs():
    assert study("permutation", [], [0.05, 0.04, 0.051, 1.0]).power("spoil", "permutation", 100) == 0.5


def test_showers_needed_are_the_smallest_size_with_enough_trials():
    scores = {TrialKey(NOTHING, n, i): {"fpd": 0.0} for n in (100, 200, 400) for i in range(NULL_TRIALS)}
    for n, seen in ((100, 1), (200, 2), (400, 4)):
        scores |= {TrialKey("spoil", n, i): {"fpd": float(i < seen)} for i in range(4)}
    needed = {
        level: Power(scores, ("fpd",), ("spoil",), (100, 200, 400), 4, level).needed("spoil", "fpd")
        for level in (0.25, 0.5, 0.75, 1.0)
    }
    assert needed == {0.25: 100, 0.5: 200, 0.75: 400, 1.0: 400}


def test_a_shift_of_the_response_is_seen_by_the_bias_and_not_by_the_resolution(showers):
    """Nor are larger samples tried with what has seen it."""
    power = measure_power(showers, {"louder": LOUDER}, (100, 200), 2, metrics=FAST)
    assert power.needed("louder", "response_bias") == 100
    assert power.power("louder", "response_bias", 200) is None
    assert power.power("louder", "resolution_ratio", 200) == 0


def test_a_metric_that_needs_more_showers_is_tried_with_more(showers):
    small, large = (read_sample(showers[:n], keep=n) for n in (150, 300))
    assert score(small, small, ("fpd",), 1) == {}
    assert set(score(large, large, ("fpd",), 1)) == {"fpd"}


def test_every_metric_has_a_number(showers):
    first = read_sample(showers[:200], keep=200)
    edges = {name: h.edges[0] for name, h in first.pooled.items()}
    second = read_sample(showers[200:400], pooled_edges=edges, keep=200)
    asked = (*FAST, "separation", "ks", "correlation", "kpd", "recall", "perceptron/high")
    scores = score(first, second, asked, 1)
    assert set(asked) <= set(scores)
    assert np.isfinite(list(scores.values())).all()


def test_an_interrupted_study_goes_on_where_it_was(showers, tmp_path):
    options = {"sizes": (100, 150), "trials": 3, "metrics": ("permutation",), "spoils": ["response +1 %"], "seed": 3}
    whole = cf.power(showers, **options, output=tmp_path / "whole")
    lines = (tmp_path / "whole" / "trials.jsonl").read_text().splitlines(keepends=True)
    part = tmp_path / "part" / "trials.jsonl"
    part.parent.mkdir()
    part.write_text("".join(lines[:4]) + lines[4][:20])
    resumed = cf.power(showers, **options, output=part.parent, resume=True)
    assert resumed.to_dict() == whole.to_dict()
    assert part.read_text().splitlines(keepends=True) == lines


def test_trials_of_other_samples_or_of_nothing_are_not_gone_on_with(tmp_path):
    Journal(tmp_path / "t.jsonl", {"seed": 1})
    with pytest.raises(BadFile, match="another seed"):
        Journal(tmp_path / "t.jsonl", {"seed": 2}, resume=True)
    with pytest.raises(UnwritablePath, match="--resume"):
        Journal(tmp_path / "t.jsonl", {"seed": 1})
    (tmp_path / "t.jsonl").write_text("hello\n")
    with pytest.raises(BadFile, match="no trials"):
        Journal(tmp_path / "t.jsonl", {"seed": 1}, resume=True)


def test_spoils_that_a_mesh_does_not_allow_are_named(showers):
    rings = Binning(tuple(Layer(i, (0.0, 5.0, 10.0), 1) for i in range(2)))
    incident = np.full(20, 1e3, np.float32)
    flat = Showers.perpendicular(np.random.default_rng(1).random((20, 4), np.float32), incident, rings)
    possible, notes = possible_spoils(SPOILS, flat)
    assert {"axis smeared", "tracks broken", "sectors shuffled"}.isdisjoint(possible)
    assert any("tracks broken left out: it changes nothing" in note for note in notes)
    _, notes = possible_spoils(SPOILS, showers)
    assert any(note.startswith("layers swapped left out") for note in notes)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sizes": (2000,)}, BadValue, "give 1500 at most"),
        ({"sizes": (50,)}, BadValue, "give 100 showers or more"),
        ({"trials": 0}, BadValue, "at least one"),
        ({"level": 1.5}, BadValue, "up to 1"),
        ({"metrics": ("fdp",)}, UnknownName, "did you mean fpd"),
        ({"spoils": ("cells shuffeld",)}, UnknownName, "did you mean cells shuffled"),
        ({"spoils": ("1 % other showers",)}, BadValue, "give foreign showers, too"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(showers, options, error, words):
    with pytest.raises(error, match=words):
        cf.power(showers, **options)


def test_a_truth_of_a_few_showers_has_no_sizes():
    assert sizes_for(2000) == (250, 500, 1000)
    with pytest.raises(EmptySample, match="two samples of 250"):
        sizes_for(499)


def test_the_command_writes_table_page_and_plot(showers, tmp_path, call):
    for name, part in (("t", showers[:1000]), ("m", showers[1000:2000])):
        write_showers(tmp_path / f"{name}.h5", part, "unknown", {})
    words = ("power", tmp_path / "t.h5", "--sizes", "100", "--trials", 1, "--metrics", "permutation")
    words += ("--model", tmp_path / "m.h5", "--spoils", "response +2 %,5 % other cells", "-o", tmp_path / "o")
    code, out, _ = call(*words)
    assert code == 0
    assert out.startswith("| metric | response +2 % | 5 % other cells |")
    facts = json.loads((tmp_path / "o" / "power.json").read_text())
    rows = (tmp_path / "o" / "power.csv").read_text().splitlines()
    assert len(rows) == 1 + len(facts["powers"]) == 3
    assert {p.name for p in (tmp_path / "o" / "plots").iterdir()} == {"power.png", "power.pdf"}
    code, _, err = call(*words)
    assert code == 1
    assert "--overwrite" in err
    code, _, err = call("power", tmp_path / "t.h5", "--sizes", "many")
    assert code == 1
    assert "whole numbers" in err


def test_the_picture_has_a_number_or_a_dash_in_every_cell():
    power = study("fpd", [0.0] * NULL_TRIALS, [1.0])
    blind = replace(power, spoils=("spoil", "unseen"))
    assert [t.get_text() for t in draw_needed(blind).axes[0].texts] == ["100", "–"]
