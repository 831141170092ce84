"""Origins that differ, word for word."""

from dataclasses import dataclass, field

import pytest

from caloforge.data.origins import HasOrigin, OriginDifferences, compare_origins
from caloforge.data.provenance import Provenance


@dataclass
class Origin:
    """Stands for a file."""

    detector: str = "tea"
    provenance: Provenance = field(default_factory=Provenance)


def of(detector="tea", **facts) -> Origin:
    return Origin(detector, Provenance(**facts))


def test_equal_and_unsaid_origins_do_not_differ():
    known = of(mesh="axis", physics_list="FTFP_BERT", production_cut_mm=1.0)
    for first, second in ((known, known), (known, of()), (of(), known), (of(), of("unknown"))):
        assert compare_origins(first, second, True) == OriginDifferences()
    assert isinstance(known, HasOrigin)


@pytest.mark.parametrize(("one", "two"), [("tea", "coffee"), ("coffee", "tea")])
def test_detectors_by_name_and_by_slab(one, two):
    assert compare_origins(of(one), of(two), False).detectors == (f"detector differs ({two} against {one})",)
    stacks = compare_origins(of(one, detector_yaml="a"), of(one, detector_yaml="b"), False)
    assert stacks.detectors == (f"slabs of detector {one} differ",)
    assert compare_origins(of(one), of("unknown"), False).detectors == ()


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("detector_gdml", "GDML files of detector tea differ"),
        ("sensitive_volumes", "sensitive volumes differs (b against a)"),
        ("face", "face of the detector differs (b against a)"),
    ],
)
def test_gdml_files_their_faces_and_what_is_read(field, words):
    assert compare_origins(of(**{field: "a"}), of(**{field: "b"}), False).detectors == (words,)
    assert compare_origins(of(**{field: "a"}), of(), False).detectors == ()


def test_frames_matter_at_an_angle():
    axis, fixed = of(mesh="axis"), of(mesh="detector")
    assert compare_origins(axis, fixed, True).frames == ("frame of the mesh differs (detector against axis)",)
    assert compare_origins(axis, fixed, False).frames == ()


def test_each_setting_by_its_name():
    settings = {
        "engine": ("gflash", "geant4", "engine"),
        "physics_list": ("A", "B", "physics list"),
        "production_cut_mm": (0.7, 1.0, "range cut [mm]"),
        "max_step_mm": (0.1, 0.2, "longest step [mm]"),
        "tracking_cut_mev": (0.0, 1.0, "tracking cut [MeV]"),
        "data_tables": ("own", "built in", "data tables"),
    }
    for name, (one, two, text) in settings.items():
        differences = compare_origins(of(**{name: one}), of(**{name: two}), False)
        assert differences == OriginDifferences(settings=(f"{text} differs ({two} against {one})",))
    every = [of(**{name: values[i] for name, values in settings.items()}) for i in (0, 1)]
    assert len(compare_origins(*every, False).settings) == 6
