#!/usr/bin/env bash
# HepMC3 ASCII without a U line (units): pyhepmc 2.16.1 reads the momenta as GeV, hepmc3 3.3.1 reads the same file as MeV.
# Both are silent, so one file means energies that differ by a factor of 1000. A reader must ask for the unit.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet pyhepmc==2.16.1 hepmc3==3.3.1
cat > "$place/write.py" <<'PY'
import sys

import pyhepmc

event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
beam = pyhepmc.GenParticle((0, 0, 50, 50), 22, 4)
photon = pyhepmc.GenParticle((0, 0, 50, 50), 22, 1)
vertex = pyhepmc.GenVertex()
vertex.add_particle_in(beam)
vertex.add_particle_out(photon)
event.add_vertex(vertex)
with pyhepmc.open(sys.argv[1], "w") as file:
    file.write(event)
PY
"$place/venv/bin/python" "$place/write.py" "$place/units.hepmc3"
grep -v '^U ' "$place/units.hepmc3" > "$place/none.hepmc3"
cat > "$place/one.py" <<'PY'
import sys

import pyhepmc

with pyhepmc.open(sys.argv[1]) as file:
    event = next(iter(file))
print("pyhepmc", event.momentum_unit.name, event.particles[-1].momentum.e)
PY
cat > "$place/two.py" <<'PY'
import sys

from pyHepMC3 import HepMC3

reader, event = HepMC3.ReaderAscii(sys.argv[1]), HepMC3.GenEvent()
reader.read_event(event)
name = HepMC3.Units.name(event.momentum_unit())
print("hepmc3", name, event.particles()[-1].momentum().e())
PY
export LD_LIBRARY_PATH="$place/venv/lib64:$place/venv/lib"  # the wheel of hepmc3 does not find its library by itself
for file in units none; do
    "$place/venv/bin/python" "$place/one.py" "$place/$file.hepmc3"
    "$place/venv/bin/python" "$place/two.py" "$place/$file.hepmc3"
done | tee "$place/answers"
printf '%s\n' "pyhepmc GEV 50.0" "hepmc3 GEV 50.0" "pyhepmc GEV 50.0" "hepmc3 MEV 50.0" | diff - "$place/answers"
