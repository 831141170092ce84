"""YAML to models: each complaint is one sentence with its place and, for a misspelt field, the name meant."""

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from caloforge.errors import BadField, BadFile, UnknownName
from caloforge.yaml_model import blamed_on, checked, read_text, yaml_mapping, yaml_value


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Slab(Strict):
    thickness: float
    sensitive: bool = False

    @field_validator("thickness")
    @classmethod
    def _positive(cls, value):
        if value <= 0:
            raise ValueError("A slab has a thickness")
        return value


class Stack(Strict):
    name: str
    slabs: list[Slab] = []
    faces: dict[str, Slab | None] = {}
    top: Slab | None = None


@pytest.mark.parametrize(
    ("fields", "place", "meant"),
    [
        ({"name": "x", "slab": []}, "field 'slab'", "slabs"),
        ({"nmae": "x"}, "field 'nmae'", "name"),  # and `name` is missing
        ({"name": "x", "top": {"thicknes": 1}}, "field of top: 'thicknes'", "thickness"),
        ({"name": "x", "slabs": [{"thickness": 1}, {"thickness": 1, "sensitiv": 1}]}, "of slabs.1: 'sens", "sensitive"),
        ({"name": "x", "faces": {"front": {"thikness": 1}}}, "of faces.front: 'thikness'", "thickness"),
    ],
)
def test_a_misspelt_field_is_answered_with_the_name_meant(fields, place, meant):
    with pytest.raises(UnknownName) as error:
        checked(Stack, fields, "docs/stacks.md")
    assert error.value.similar == [meant]
    assert place in str(error.value)
    assert "docs/stacks.md lists them" in str(error.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "field at.name is missing; see docs/stacks.md"),
        (
            {"name": "x", "top": {"thickness": "wide"}},
            "field at.top.thickness is 'wide': input should be a valid number",
        ),
        ({"name": "x", "top": {"thickness": -1}}, "field at.top.thickness is -1: a slab has a thickness; see"),
        ({"name": "x", "slabs": {}}, "field at.slabs is of no use: input should be a valid list"),
        ("x", "field at is 'x': input should be a valid dictionary"),
    ],
)
def test_a_wrong_value_is_answered_with_its_place_and_the_reason(fields, sentence):
    with pytest.raises(BadField) as error:
        checked(Stack, fields, "docs/stacks.md", "at")
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_fields_become_the_model():
    assert checked(Stack, {"name": "x", "top": {"thickness": 2}}, "").top == Slab(thickness=2.0)


@pytest.mark.parametrize("text", ["name: [", "a: b: c", "\t- x", "!!python/object/apply:os.getcwd []"])
def test_what_is_not_yaml_is_one_sentence(text):
    with pytest.raises(BadFile, match=r"^mine\.yaml: not YAML") as error:
        yaml_value(text, "mine.yaml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- 1", "word", "1: x"])
def test_what_has_no_fields_is_refused(text):
    with pytest.raises(BadFile, match="not a YAML mapping; give fields such as name and slabs"):
        yaml_mapping(text, "mine.yaml", "name and slabs")


def test_files_are_read_as_text(tmp_path):
    (tmp_path / "good.yaml").write_text("name: µ", encoding="utf-8")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    assert read_text(tmp_path / "good.yaml", "a stack") == "name: µ"
    for name, problem in (("bad.yaml", "not a text file"), ("none.yaml", "no such file"), (".", "no such file")):
        with pytest.raises(BadFile, match=f"{problem}; give a stack"):
            read_text(tmp_path / name, "a stack")


def test_the_file_is_blamed_with_the_same_sentence():
    with (
        pytest.raises(BadFile, match=r"^mine\.yaml: unknown field 'nmae' \(did you mean name\?\)"),
        blamed_on("mine.yaml"),
    ):
        checked(Stack, {"nmae": "x"}, "docs/stacks.md")
