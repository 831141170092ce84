"""What a file says of its origin: fields and unknown keys survive a trip to disk; origins that differ are named."""

import json

import h5py
import numpy as np
import pytest

from caloforge.data.merge import merge_files
from caloforge.data.origins import compare_origins
from caloforge.data.provenance import Provenance, parse_provenance, parse_training_provenance
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile
from caloforge.training.folders import shipped_models

FACTS = {"seed": 3, "mesh": "axis", "my_key": {"a": [1, None]}, "training": {"training_showers": 7, "x": 1.5}}


@pytest.fixture
def write(showers, tmp_path):
    """A file of ten showers at an angle, with this provenance; each call takes other showers."""
    count = iter(range(100))

    def write(facts, detector="tea", theta=0.3):
        i = next(count)
        rows = showers[10 * i : 10 * i + 10]
        oblique = type(rows)(
            rows.energy, rows.incident_energy, rows.pdg, np.full(10, theta), np.zeros(10), rows.binning
        )
        write_showers(tmp_path / f"{i}.h5", oblique, detector, facts)
        return tmp_path / f"{i}.h5"

    return write


def test_fields_and_unknown_keys_survive(write):
    with ShowerFile(write(FACTS)) as file:
        assert file.provenance.facts == FACTS
        assert (file.provenance.seed, file.provenance.geant4) == (3, None)
        assert file.provenance.training.training_showers == 7
    with h5py.File(write(FACTS)) as file:
        assert json.loads(file.attrs["provenance"]) == FACTS


def test_a_fact_replaces_another_and_unset_fields_are_not_written():
    assert Provenance(seed=1).with_facts(seed=2, core_seconds=0.5).facts == {"seed": 2, "core_seconds": 0.5}
    assert Provenance().to_json() == "{}"


@pytest.mark.parametrize(
    ("text", "says"), [("{", "not JSON"), ("[1]", "no JSON object"), ('{"seed": "x"}', "of no use in 'seed'")]
)
def test_an_unreadable_provenance_is_one_sentence(write, text, says):
    with pytest.raises(ValueError, match=says):
        parse_provenance(text)
    path = write({})
    with h5py.File(path, "r+") as file:
        file.attrs["provenance"] = text
    with pytest.raises(BadFile, match=says) as caught:
        ShowerFile(path)
    assert "\n" not in str(caught.value)


def compare(first, second):
    with ShowerFile(first) as one, ShowerFile(second) as other:
        return compare_origins(one, other, one.oblique or other.oblique)


def test_frames_differ_only_for_showers_at_an_angle(write):
    axis, detector = {"mesh": "axis"}, {"mesh": "detector"}
    assert "axis" in compare(write(axis), write(detector)).frames[0]
    assert compare(write(axis, theta=0.0), write(detector, theta=0.0)).frames == ()
    assert compare(write(axis), write({})).frames == ()
    assert compare(write(axis), write(axis)).frames == ()


def test_a_generated_file_is_compared_by_what_its_model_learned(write):
    generated = write({"generator": "run", "training": {"data": {"mesh": "axis", "production_cut_mm": 0.7}}})
    difference = compare(generated, write({"mesh": "detector", "production_cut_mm": 1.0}))
    assert difference.frames
    assert "0.7" in difference.settings[0]


def test_a_merged_file_is_compared_by_its_parts(write, tmp_path):
    cuts = [write({"production_cut_mm": cut, "mesh": "axis"}) for cut in (0.05, 1.0)]
    warnings = []
    merged = merge_files(cuts, tmp_path / "both.h5", warn=warnings.append)
    assert len(warnings) == 1
    with ShowerFile(merged) as file:
        assert file.provenance.warnings == warnings
        assert file.provenance.mesh == "axis"
        assert file.provenance.values("production_cut_mm") == {0.05, 1.0}
    assert "0.05 and 1.0" in compare(cuts[0], merged).settings[0]


def test_detectors_differ_by_name_or_by_slabs(write):
    assert compare(write({}), write({}, "coffee")).detectors
    assert compare(write({"detector_yaml": "a: 1"}), write({"detector_yaml": "a: 2"})).detectors
    assert not compare(write({}), write({}, "unknown")).detectors


def test_merge_refuses_other_frames(write, tmp_path):
    with pytest.raises(BadFile, match="frame of the mesh"):
        merge_files([write({"mesh": "axis"}), write({"mesh": "detector"})], tmp_path / "both.h5")
    assert not (tmp_path / "both.h5").exists()


@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_training_provenance_reads_back_as_it_was_written(name):
    """Fields that nobody set are not written, and keys that are no field are kept."""
    text = (shipped_models()[name] / "provenance.json").read_text()
    provenance = parse_training_provenance(text)
    assert provenance.facts == json.loads(text)
    own = {"hadron-siw-hcal": "siw-hcal", "gamma-lar": "lar-barrel"}
    assert provenance.data.detector == own.get(name, "par04-siw")


def test_what_is_no_training_provenance_is_refused():
    for text, problem in (("{", "not JSON"), ("[]", "no JSON object"), ('{"seconds": "long"}', "'seconds'")):
        with pytest.raises(ValueError, match=problem):
            parse_training_provenance(text)
