"""The C++ program prints the energies that the same noise gives in Python; built where ONNX Runtime's headers are.

``ONNXRUNTIME_INCLUDE`` names their folder where it is none of the usual ones, ``ONNXRUNTIME_LIBRARY`` a library that
belongs to them; the one in the wheel of ONNX Runtime does for headers that are not newer.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from caloforge.data.incident import Incident
from caloforge.deployment.bundle import Bundle

SOURCE = Path(__file__).parents[2] / "examples" / "cpp" / "sample.cpp"
PLACES = (os.environ.get("ONNXRUNTIME_INCLUDE", ""), "/usr/include/onnxruntime", "/usr/local/include/onnxruntime")
HEADERS = [Path(place) for place in PLACES if place and (Path(place) / "onnxruntime_cxx_api.h").is_file()]
COMPILER = shutil.which("c++") or shutil.which("g++")
_FIRST_SIX = """
#include <iostream>
#include <random>
int main() {
  std::mt19937 engine(7);
  std::normal_distribution<float> normal(0.f, 1.f);
  std::cout.precision(9);
  for (int i = 0; i < 3 * 28; ++i) std::cout << normal(engine) << ' ';
}
"""


def _library():
    if path := os.environ.get("ONNXRUNTIME_LIBRARY"):
        return Path(path)
    return next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"), Path("libonnxruntime.so"))


def _built(source, folder, *options):
    program = folder / source.stem
    subprocess.run([COMPILER, "-std=c++17", "-o", program, source, *options], check=True)
    return program


@pytest.mark.slow
@pytest.mark.skipif(not (HEADERS and COMPILER), reason="no compiler, or no headers of ONNX Runtime")
def test_the_program_prints_the_energies_of_its_noise(toy_bundle, tmp_path, binning):
    """``std::normal_distribution`` is the library's own, so a second program says what it draws."""
    (tmp_path / "drawn.cpp").write_text(_FIRST_SIX)
    drawn = subprocess.run([_built(tmp_path / "drawn.cpp", tmp_path)], capture_output=True, text=True, check=True)
    noise = np.array(drawn.stdout.split(), np.float32).reshape(3, binning.n_voxels)
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):  # as the linker and the loader look for it
        (tmp_path / name).symlink_to(_library())
    program = _built(SOURCE, tmp_path, f"-I{HEADERS[0]}", tmp_path / "libonnxruntime.so", f"-Wl,-rpath,{tmp_path}")
    folder = toy_bundle()
    words = [str(program), str(folder / "model.onnx"), "10000", "3", "7"]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    energies = np.array(answer.stdout.split(), float)
    expected = Bundle(folder).sample(Incident.alike(np.full(3, 1e4)), noise=noise).sum(1, dtype=float)
    np.testing.assert_allclose(energies, expected, rtol=1e-6)
    wrong = subprocess.run([*words[:1], "nowhere.onnx", *words[2:]], capture_output=True, text=True, check=False)
    assert (wrong.returncode, bool(wrong.stderr)) == (1, True)
