"""Damaged files of every format: a sentence or showers, never another exception; nothing is written half.

Each case changes a few bytes of a sample, cuts it or repeats a piece. ``CALOFORGE_FUZZ=10000`` asks for that many cases
of each format instead of the few that every run has; seeds are fixed, so the cases are the same everywhere.
"""

import os
import traceback
import warnings
from contextlib import suppress
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caloforge.data.convert import convert_file
from caloforge.data.formats.options import NO_OPTIONS, parse_axes, parse_columns, parse_units
from caloforge.data.opening import open_any
from caloforge.errors import BadValue, CaloforgeError, OddShowers
from caloforge.geometry.binning import Binning

CASES = int(os.environ.get("CALOFORGE_FUZZ", "25"))
_PATIENCE = 120  # s


def mutated(content, rng):
    """One damaged copy."""
    kind = rng.integers(4)
    if kind == 0:
        return content[: rng.integers(len(content))]
    if kind == 1:
        start, length = rng.integers(len(content)), rng.integers(1, 64)
        return content[:start] + rng.bytes(int(length)) + content[start + int(length) :]
    if kind == 2:
        start, stop, place = rng.integers(0, len(content), 3)
        start, stop = min(start, stop), max(start, stop)
        return content[:place] + content[start : min(stop, start + 512)] + content[place:]
    damaged = bytearray(content)
    head = rng.random() < 0.5  # where headers lie
    for place in rng.integers(0, min(len(content), 2048) if head else len(content), rng.integers(1, 9)):
        damaged[place] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def read_all(path, options):
    """Open and read every shower; whether it could be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OddShowers)
            with open_any(path, options) as file:
                for _ in file.batches():
                    pass
        return True
    except CaloforgeError:
        return False


def test_damaged_files_are_a_sentence(format_name, samples, sample_files, tmp_path):
    """In a process of its own, which is ended where a library never comes back."""
    content, options = sample_files[format_name].read_bytes(), samples.OPTIONS.get(format_name, NO_OPTIONS)
    child = get_context("fork").Process(target=_read_damaged, args=(content, options, tmp_path))
    child.start()
    child.join(_PATIENCE + CASES)
    if child.is_alive():
        child.kill()
        pytest.fail(f"reading {tmp_path / 'damaged'} does not end")
    assert child.exitcode == 0, (tmp_path / "report").read_text()
    refused = int((tmp_path / "report").read_text())
    assert 0 < refused <= CASES


def _read_damaged(content, options, folder):
    """Try all cases, and report how many were refused, or what else was raised."""
    rng, report, refused = np.random.default_rng(7), folder / "report", 0
    for case in range(CASES):
        report.write_text(f"case {case} ended the process")
        (folder / "damaged").write_bytes(mutated(content, rng))
        try:
            refused += not read_all(folder / "damaged", options)
        except BaseException:
            report.write_text(f"case {case}: {traceback.format_exc()}")
            os._exit(1)
    report.write_text(str(refused))
    os._exit(0)


def test_files_cut_anywhere_are_a_sentence_and_leave_nothing(format_name, samples, sample_files, tmp_path):
    content = sample_files[format_name].read_bytes()
    path, options = tmp_path / "cut", samples.OPTIONS.get(format_name, NO_OPTIONS)
    for end in np.linspace(0, len(content) - 1, 12).astype(int):
        path.write_bytes(content[:end])
        with pytest.raises(CaloforgeError):
            convert_file(path, tmp_path / "out.h5", options=options)
        assert [place.name for place in tmp_path.iterdir()] == ["cut"]


SOME = settings(
    max_examples=CASES, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
LETTERS = "GeVMkrcaplhyxincdt=,.-+01 é"
NUMBERS = st.one_of(st.floats().map(str), st.integers().map(str), st.text(LETTERS, max_size=4))


@SOME
@given(st.text(LETTERS, max_size=40))
def test_words_of_users_are_read_or_refused(text):
    for parse in (parse_units, parse_axes, parse_columns):
        with suppress(BadValue):
            parse(text)


@SOME
@given(st.lists(NUMBERS, max_size=4), NUMBERS, st.one_of(st.none(), st.lists(NUMBERS, max_size=3)))
def test_meshes_of_users_are_read_or_refused(edges, sectors, depths):
    from xml.sax.saxutils import quoteattr

    depth = "" if depths is None else f"z_edges={quoteattr(','.join(depths))}"
    layer = f"<Layer id='0' r_edges={quoteattr(','.join(edges))} n_bin_alpha={quoteattr(sectors)} {depth}/>"
    try:
        mesh = Binning.from_xml(f"<Bins><Bin pid='11'>{layer}</Bin></Bins>")
    except CaloforgeError:
        return
    assert mesh.n_voxels > 0
    assert np.isfinite(mesh.areas).all()
