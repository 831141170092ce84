"""Every format is told by its content, and by no other; what is none of them is named."""

import gzip
import pickle

import numpy as np
import pytest

from caloforge.data.formats.options import ReadOptions, parse_axes, parse_columns, parse_units
from caloforge.data.formats.peek import Peek
from caloforge.data.formats.registry import FORMATS, detect, format_named
from caloforge.errors import BadFile, BadValue, UnknownName


def test_each_sample_is_of_its_own_format_alone(format_name, sample_files):
    peek = Peek(sample_files[format_name])
    assert [layout.name for layout in FORMATS.values() if layout.recognises(peek)] == [format_name]
    assert detect(sample_files[format_name]) is FORMATS[format_name]


def test_formats_go_by_name():
    assert format_named("par04") is FORMATS["par04"]
    with pytest.raises(UnknownName, match="did you mean par04"):
        format_named("par4")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (pickle.dumps({"a": np.zeros(3)}), "pickle.*never loaded.*runs code"),
        (gzip.compress(b"x", mtime=0), "gunzip"),
        (bytes.fromhex("00000048abadcafe") + bytes(60), "lcio2edm4hep"),
        (b"\x89HDF\r\n\x1a\n" + bytes(10), "truncated or damaged"),
        (b"root\x00\x00\xf6\x20" + bytes(60), "a ROOT file"),
        (b"\x93NUMPY\x01\x00v\x00" + bytes(10), "npy"),
        (b"some notes\n", "text"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "no layout that caloforge knows"),
    ],
)
def test_what_is_no_file_of_showers_is_named(tmp_path, content, says):
    path = tmp_path / "mystery.h5"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=says):
        detect(path).open(path, ReadOptions())


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(BadFile, match="no such file"):
        detect(tmp_path / "nothing")
    with pytest.raises(BadFile, match="a folder"):
        detect(tmp_path)


def test_an_option_without_a_use_is_refused():
    with pytest.raises(BadValue, match="has no use for it"):
        FORMATS["par04"].check_options(ReadOptions(collections=("ECal",)))


def test_units_in_words():
    units = parse_units("GeV")
    assert (units.incident, units.cells, units.length, units.time) == (1000, 1000, None, None)
    units = parse_units("incident=GeV, cells=keV,length=cm,time=ps")
    assert (units.incident, units.cells, units.length, units.time) == (1000, 1e-3, 10, 1e-3)
    for text in ("parsec", "cells=mm", "GeV,cells=MeV", "", "=GeV,", "mass=GeV"):
        with pytest.raises(BadValue, match="write GeV for all energies"):
            parse_units(text)


def test_axes_and_columns_in_words():
    assert parse_axes("r, alpha,layer") == ("r", "alpha", "layer")
    for text in ("r,alpha", "r,phi,z", "r,r,layer"):
        with pytest.raises(BadValue, match="slowest first"):
            parse_axes(text)
    assert parse_columns("x=hit_x, energy = edep") == {"x": "hit_x", "energy": "edep"}
    for text in ("x", "x=", "=y", "x=a,x=b", ""):
        with pytest.raises(BadValue, match="write what each is"):
            parse_columns(text)
