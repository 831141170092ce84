"""HepMC events of 20 electrons of 10 GeV, each perpendicular to the face at a place of its own within 20 cm."""

import sys
from pathlib import Path

import numpy as np

EVENTS, PARTICLES, MOMENTUM, MASS = 10, 20, 10.0, 0.000511  # GeV
PDG = int(sys.argv[2]) if len(sys.argv) > 2 else 11

rng = np.random.default_rng(1)
lines = ["HepMC::Version 3.02.05", "HepMC::Asciiv3-START_EVENT_LISTING"]
for event in range(EVENTS):
    lines += [f"E {event} {PARTICLES} {2 * PARTICLES}", "U GEV MM"]
    for i in range(PARTICLES):
        x, y = rng.uniform(-200, 200, 2)
        beam, electron = 2 * i + 1, 2 * i + 2
        mass = MASS if abs(PDG) == 11 else 0.0
        energy = (MOMENTUM**2 + mass**2) ** 0.5
        lines += [
            f"P {beam} 0 {PDG} 0 0 {MOMENTUM:.9e} {energy:.9e} {mass:.9e} 4",
            f"V -{i + 1} 0 [{beam}] @ {x:.6e} {y:.6e} -1 0",
            f"P {electron} -{i + 1} {PDG} 0 0 {MOMENTUM:.9e} {energy:.9e} {mass:.9e} 1",
        ]
Path(sys.argv[1]).write_text("\n".join([*lines, "HepMC::Asciiv3-END_EVENT_LISTING", ""]))
