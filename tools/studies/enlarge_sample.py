"""Makes a large file of showers out of a small one, to measure time and memory of validation.

Every shower is a random image of one of the input under the symmetry of the mesh (rotations by sectors, mirror images),
with its cells multiplied by 1 + 1 % normal noise. Such a file has the size of a large sample but not its information:
use it for nothing but benchmarks.
"""

import argparse

import numpy as np

from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter
from caloforge.geometry.readouts import readout
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.rng import stream

BATCH = 1000


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("-n", type=int, default=100_000, help="showers to make")
    parser.add_argument("--part", default="0/1", help="i/k: use only part i of k of the input")
    parser.add_argument("--binning", help="readout or XML, for a file that does not carry one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ShowerFile(options.input, readout(options.binning) if options.binning else None) as file:
        part, parts = map(int, options.part.split("/"))
        edges = np.linspace(0, len(file), parts + 1).astype(int)
        showers, detector = file[edges[part] : edges[part + 1]], file.detector
    images = AxialSymmetry(showers.binning).permutations.numpy()
    facts = {"tool": "tools/studies/enlarge_sample.py", "input": options.input, "part": options.part}
    with ShowerWriter(options.output, showers.binning, detector, facts, mantissa_bits=11) as writer:
        for start in range(0, options.n, BATCH):
            rng = stream(options.seed, "enlarge", start)
            source = showers[rng.integers(len(showers), size=min(BATCH, options.n - start))]
            image = images[rng.integers(len(images), size=len(source))]
            noise = 1 + 0.01 * rng.standard_normal(source.energy.shape, np.float32)
            energy = np.take_along_axis(source.energy, image, axis=1) * noise
            writer.append(
                Showers(
                    energy=energy,
                    incident_energy=source.incident_energy,
                    pdg=source.pdg,
                    theta=source.theta,
                    phi=source.phi,
                    binning=source.binning,
                )
            )


if __name__ == "__main__":
    main()
