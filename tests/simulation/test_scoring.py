"""The scoring: the bundled sample is reproduced bit by bit, and both ways of reading a step agree."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.data.writer import trim_mantissa
from caloforge.simulation.production.worker import Shard, Worker
from caloforge.simulation.tables.em_data import find_data


@pytest.mark.geant4
def test_bundled_sample_is_reproduced(request_of):
    """The three lowest energies among its first 50 showers; any change of physics or scoring shows here."""
    with ShowerFile(showers_path(BUNDLED)) as file:
        sample, tables = file[:50], file.provenance.facts["data_tables"]
    if find_data().description != tables:
        pytest.skip("the sample was made with the built-in tables, here are others")
    request = request_of("1GeV:100GeV:log", 50, seed=2026)
    primaries = request.beam.primaries(50, 2026)
    np.testing.assert_array_equal(primaries.energy, sample.incident_energy)
    with tempfile.TemporaryDirectory() as folder, Worker() as hired:
        for i in np.argsort(sample.incident_energy)[:3].tolist():
            path = Path(folder, f"{i}.h5")
            hired.run(Shard(i, path, request.detector, request.binning, primaries[i : i + 1], "again"))
            with ShowerFile(path) as file:
                again = file.read().energy
            np.testing.assert_array_equal(trim_mantissa(again, 11)[0], sample.energy[i], f"shower {i}")


BOTH_WAYS = """
import sys
import numpy as np
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.geant4 import step_reader
from caloforge.simulation.beam import Beam, parse_spectrum

ways = []
for name in ("_by_field", "_by_method"):
    def count(*arguments, way=getattr(step_reader, name), name=name):
        ways.append(name)
        return way(*arguments)
    setattr(step_reader, name, count)
if sys.argv[1] == "unknown":
    step_reader.LAYOUT_KNOWN = ()
primaries = Beam(11, parse_spectrum("500MeV")).primaries(6, 1)
showers, _ = geant4.simulate(detector("par04-siw"), primaries, readout("siw-6480"))
np.save(sys.argv[2], showers.energy)
print(*sorted(set(ways)))
"""


@pytest.mark.geant4
def test_both_ways_of_reading_a_step_agree(request_of, tmp_path):
    del request_of
    cells = {}
    for layout, way in (("known", "_by_field"), ("unknown", "_by_method")):
        path = tmp_path / f"{layout}.npy"
        command = [sys.executable, "-c", BOTH_WAYS, layout, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[-1] == way
        cells[layout] = np.load(path)
    assert cells["known"].sum() > 0
    np.testing.assert_array_equal(cells["known"], cells["unknown"])
