"""The scoring: showers of a seed stay the same, and both ways of reading a step agree."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.simulation.production.worker import Shard, Worker
from caloforge.simulation.tables.em_data import find_data

# The three softest of 50 electrons of 1-100 GeV, seed 2026, built-in tables: row, cells hit, MeV in them, the hottest
REFERENCE = ((0, 48, 30.868949, 99), (5, 67, 32.067862, 100), (15, 69, 45.250933, 72))


@pytest.mark.geant4
def test_showers_of_a_seed_stay_the_same(request_of):
    """The same cells in every worker on every machine; any change of physics, tables or scoring shows here."""
    if find_data().kind != "built-in":
        pytest.skip("the reference was made with the built-in tables, here are others")
    request = request_of("1GeV:100GeV:log", 50, seed=2026)
    primaries = request.beam.primaries(50, 2026)
    with ShowerFile(showers_path(BUNDLED)) as file:
        np.testing.assert_array_equal(primaries.energy, file[:50].incident_energy)
    assert np.argsort(primaries.energy)[:3].tolist() == [row for row, *_ in REFERENCE]
    with tempfile.TemporaryDirectory() as folder, Worker() as hired:
        for i, hits, energy, hottest in REFERENCE:
            path = Path(folder, f"{i}.h5")
            hired.run(Shard(i, path, request.detector, request.binning, primaries[i : i + 1], "again"))
            with ShowerFile(path) as file:
                (cells,) = file.read().energy
            assert ((cells > 0).sum(), cells.argmax()) == (hits, hottest)
            assert cells.sum() == pytest.approx(energy, rel=1e-6)


BOTH_WAYS = """
import sys
import numpy as np
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.geant4 import step_reader
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.timing import Timing

ways = []
for name in ("_by_copy", "_by_method"):
    def count(*arguments, way=getattr(step_reader, name), name=name):
        ways.append(name)
        return way(*arguments)
    setattr(step_reader, name, count)
if sys.argv[1] == "unknown":
    step_reader.LAYOUT_KNOWN = ()
primaries = Beam(11, parse_spectrum("500MeV")).primaries(6, 1)
timing = Timing(times=True)
showers, _ = geant4.simulate(detector("par04-siw"), primaries, readout("siw-6480"), timing=timing)
np.save(sys.argv[2], [showers.energy, showers.time, showers.first_time])
print("_by_copy" if "_by_copy" in ways else ways[0])
"""


@pytest.mark.geant4
def test_both_ways_of_reading_a_step_agree(request_of, tmp_path):
    del request_of
    cells = {}
    for layout, way in (("known", "_by_copy"), ("unknown", "_by_method")):
        path = tmp_path / f"{layout}.npy"
        command = [sys.executable, "-c", BOTH_WAYS, layout, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[-1] == way
        cells[layout] = np.load(path)
    assert cells["known"][0].sum() > 0
    np.testing.assert_array_equal(cells["known"], cells["unknown"])


GROUPED = """
import os
import sys
import numpy as np
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.directions import parse_angles
from caloforge.simulation.geant4.simulate import simulate
from caloforge.simulation.tables.em_data import find_data

os.environ.update(find_data().environment)
from caloforge.simulation.geant4 import scored_stack

scored_stack.SHELLS = int(sys.argv[1])
primaries = Beam(22, parse_spectrum("500MeV"), parse_angles("20deg")).primaries(6, 1)
np.save(sys.argv[2], simulate(detector("lar-barrel"), primaries, readout("lar-355"))[0].energy)
"""


@pytest.mark.geant4
def test_shells_shower_alike_in_groups_and_all_in_one_volume(request_of, tmp_path):
    del request_of
    cells = []
    for shells in ("16", "1000"):
        path = tmp_path / f"{shells}.npy"
        subprocess.run([sys.executable, "-c", GROUPED, shells, str(path)], check=True, capture_output=True)
        cells.append(np.load(path))
    assert (cells[0] > 0).sum() > 100
    np.testing.assert_array_equal(*cells)
