"""Tables of points: columns and units are said, asked for or in the names; cells of 64 bits; events; cut files."""

import numpy as np
import pytest

from caloforge.data.formats.options import ReadOptions, WriteOptions, parse_units
from caloforge.data.formats.registry import FORMATS, detect
from caloforge.data.formats.rows import RowIndex, kinetic_energy, total_momentum
from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadFile, BadValue

COLUMNS = {"event": "evt", "x": "hit_x", "y": "hit_y", "z": "hit_z", "energy": "edep"}
ROWS = {
    "evt": np.array([7, 7, 9, 9, 9, 4]),
    "hit_x": np.arange(6) * 1.5,
    "hit_y": np.arange(6) * -1.0,
    "hit_z": np.arange(6) * 10.0,
    "edep": np.array([0.1, 0.2, 0.3, 0.0, 0.5, 0.6]),
    "cell": np.arange(6, dtype=np.uint64) + 2**63,
}
UNITS = parse_units("GeV,cm")


def write_csv(path, rows):
    lines = [",".join(rows), *(",".join(str(v) for v in row) for row in zip(*rows.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")


def write_npz(path, rows):
    with path.open("wb") as file:
        np.savez(file, **rows)


def write_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(rows), path)


def write_root(path, rows):
    with pytest.importorskip("uproot").recreate(path) as file:
        file.mktree("deposits", {name: values.dtype for name, values in rows.items()})
        file["deposits"].extend(rows)


WRITERS = {"csv": write_csv, "npz": write_npz, "parquet": write_parquet, "root-table": write_root}


@pytest.fixture(params=WRITERS)
def table(request, tmp_path):
    def make(rows):
        path = tmp_path / "table"
        WRITERS[request.param](path, rows)
        return path

    make.name = request.param
    return make


def read(path, **options):
    with detect(path).open(path, ReadOptions(**options)) as file:
        return Hits.concatenate(list(file.batches(1)))


def test_columns_and_units_as_they_are_said(table):
    path = table(ROWS)
    assert detect(path).name == table.name
    hits = read(path, columns=COLUMNS, units=UNITS, particle=22, incident=1e4)
    np.testing.assert_allclose(hits.total_energy, [300, 800, 600])
    np.testing.assert_allclose(hits.x, ROWS["hit_x"] * 10)
    np.testing.assert_array_equal(hits.offsets, [0, 2, 5, 6])
    np.testing.assert_array_equal(hits.cell, ROWS["cell"])
    np.testing.assert_array_equal(hits.pdg, [22, 22, 22])
    np.testing.assert_array_equal(hits.incident_energy, [1e4, 1e4, 1e4])


def test_units_are_asked_with_both_readings(table):
    path = table(ROWS)
    with pytest.raises(BadFile, match=r"the unit of 'hit_x' is not said; give it: --units mm"):
        read(path, columns=COLUMNS, units=parse_units("GeV"))
    with pytest.raises(BadFile, match=r"300keV as MeV, 300MeV as GeV, a response of 3e-05 or 0.03"):
        read(path, columns=COLUMNS, units=parse_units("mm"), incident=1e4)
    with_energy = table(ROWS | {"e0": np.full(6, 10.0)})
    with pytest.raises(BadFile, match=r"0.03 of its energy if both have one unit, 3e-05 if incident energies are GeV"):
        read(with_energy, columns=COLUMNS | {"incident": "e0"}, units=parse_units("mm"))


def test_what_is_missing_is_named(table):
    with pytest.raises(BadFile, match=r"no column for event, x, y, z, energy; it has evt, hit_x.*--columns event=NAME"):
        read(table(ROWS), units=UNITS)
    with pytest.raises(BadFile, match="no column 'depth'"):
        read(table(ROWS), columns=COLUMNS | {"z": "depth"}, units=UNITS)
    with pytest.raises(BadValue, match="name columns for event, x"):
        read(table(ROWS), columns=COLUMNS | {"edep": "edep"}, units=UNITS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"evt": np.array([7, 7, 9, 9, 7, 4])}, "rows of event 7 do not lie together"),
        ({"evt": np.array([7, 7, 9, 9, 9.5, 4])}, "are whole"),
        ({"evt": np.array([7, 7, 9, 9, 1e300, 4])}, "are whole"),
        ({"edep": np.array([0.1, np.nan, 0.3, 0, 0.5, 0.6])}, "energy of point 1 of shower 0 is nan"),
        ({"edep": np.array([0.1, 0.1, -0.3, 0, 0.5, 0.6])}, "energy of point 0 of shower 1 is -300.0"),
        ({name: values[:0] for name, values in ROWS.items()}, "has no row"),
    ],
)
def test_bad_rows_are_refused(table, change, sentence):
    with pytest.raises(BadFile, match=sentence):
        read(table(ROWS | change), columns=COLUMNS, units=UNITS)


class InMemory(PointFile):
    """Points as a file of them."""

    showers_at_once = 2

    def __init__(self, hits, path):
        self.hits, self.path, self.provenance = hits, path, hits.provenance

    def __len__(self):
        return len(self.hits)

    def __getitem__(self, rows):
        return self.hits[rows]

    def close(self):
        """Nothing is open."""


@pytest.mark.parametrize("name", ["csv", "npz", "parquet"])
def test_everything_comes_back_from_what_is_written(name, tmp_path):
    pytest.importorskip("pyarrow" if name == "parquet" else "numpy")
    rng = np.random.default_rng(1)
    counts = np.array([3, 0, 4, 1, 0])
    n = counts.sum()
    hits = Hits(
        *rng.normal(size=(3, n)),
        energy=rng.gamma(1, 1, n).astype(np.float32),
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        incident_energy=rng.uniform(1e3, 1e5, 5),
        pdg=np.array([11, 22, -211, 11, 22]),
        direction=np.tile([0.6, 0.0, 0.8], (5, 1)),
        vertex=rng.normal(size=(5, 3)),
        time=rng.gamma(1, 1, n),
        layer=rng.integers(0, 9, n),
        cell=rng.integers(0, 2**64, n, dtype=np.uint64),
        part=rng.integers(0, 9, n),
        normal=(0.0, 0.0, 1.0),
    )
    path = tmp_path / "t"
    FORMATS[name].write(InMemory(hits, path), path, WriteOptions())
    back = read(path)
    names = ["x", "y", "z", "energy", "time", "layer", "cell", "part", "offsets", "incident_energy", "pdg", "vertex"]
    for field in names:
        np.testing.assert_array_equal(getattr(back, field), getattr(hits, field))
    np.testing.assert_allclose(back.direction, hits.direction)
    assert back.normal == (None if name == "csv" else hits.normal)


def test_python_objects_are_never_loaded(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, event=np.array([{}], object), x=np.zeros(1), y=np.zeros(1), z=np.zeros(1), energy=np.zeros(1))
    with pytest.raises(BadFile, match="Object arrays cannot be loaded when allow_pickle=False"):
        read(path, units=UNITS)


def test_every_cut_file_is_a_sentence(table, tmp_path):
    whole = table(ROWS).read_bytes()
    path = tmp_path / "cut"
    good = read(table(ROWS), columns=COLUMNS, units=UNITS)
    for size in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:size])
        try:
            hits = read(path, columns=COLUMNS, units=UNITS)
        except BadFile:
            continue
        assert table.name == "csv"  # text that ends at the end of a number is whole
        np.testing.assert_array_equal(hits.x, good.x[: len(hits.x)])


def test_damaged_bytes_are_a_sentence(table, tmp_path):
    whole = table(ROWS).read_bytes()
    path = tmp_path / "damaged"
    refused = 0
    for place in range(30, len(whole), len(whole) // 20):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read(path, columns=COLUMNS, units=UNITS)
        except (BadFile, BadValue):
            refused += 1
    assert refused


def test_a_tree_is_chosen_by_name(tmp_path):
    uproot = pytest.importorskip("uproot")
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        for name in ("first", "second"):
            file.mktree(name, {key: values.dtype for key, values in ROWS.items()})
            file[name].extend(ROWS)
    with pytest.raises(BadFile, match="the trees first, second; say which: --columns tree=NAME"):
        read(path, columns=COLUMNS, units=UNITS)
    assert len(read(path, columns=COLUMNS | {"tree": "second"}, units=UNITS)) == 3


def test_text_of_a_spreadsheet(tmp_path):
    """With a mark of its encoding, quoted names and semicolons."""
    path = tmp_path / "a.csv"
    path.write_text('\ufeff"event";"x_mm";"y_mm";"z_mm";"energy_MeV"\r\n1;0;0;5;1.5\r\n1;0;0;6;2.5\r\n', newline="")
    assert read(path).total_energy.tolist() == [4.0]


def test_rows_of_events_in_blocks_of_any_size():
    column = np.repeat([5, 2, 9, 3], [3, 1, 4, 2])
    for size in range(1, 11):
        index = RowIndex.build(column[i : i + size] for i in range(0, 10, size))
        assert (index.ids.tolist(), index.starts.tolist()) == ([5, 2, 9, 3], [0, 3, 4, 8])
        assert index.stops.tolist() == [3, 4, 8, 10]
    chosen = index.of(np.array([1, 2, 3, 5, 9]))
    np.testing.assert_array_equal(chosen.stops - chosen.starts, [0, 1, 2, 3, 4])


def test_momentum_and_kinetic_energy_undo_each_other():
    kinetic, pdg = np.array([1e-3, 1.0, 1e3, 5e4]), np.array([11, 22, 2212, 10**9])
    np.testing.assert_allclose(kinetic_energy(total_momentum(kinetic, pdg), pdg), kinetic, rtol=1e-9)
    assert total_momentum(np.array([938.272]), np.array([2212]))[0] == pytest.approx(938.272 * 3**0.5, rel=1e-5)


def test_units_that_contradict_the_names_of_columns_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("event,x_mm,y_mm,z_mm,energy_MeV\n0,1,2,3,0.5\n")
    assert read(path, units=parse_units("incident=GeV,cells=MeV")).energy.tolist() == [0.5]
    with pytest.raises(BadFile, match=r"'energy_MeV' says another unit than --units; leave cells out"):
        read(path, units=parse_units("GeV"))
