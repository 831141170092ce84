#!/usr/bin/env bash
# geant4-pybind 0.1.3 (Geant4 11.4.1): G4GDMLParser.Read passes over a <loop> in an <assembly> with no more than a line among its
# output ("Unsupported GDML tag"): the assembly stays empty and the run goes on. In a <volume> loops are unrolled. So count what
# was read.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet geant4-pybind==0.1.3
cat > "$place/read.py" <<'PY'
import os
import sys

data = os.path.dirname(__file__)
with open(f"{data}/ENSDFSTATE.dat", "w") as states:
    states.write("1 1 0 - -1 1 0\n")
names = "LE ENSDFSTATE LEVELGAMMA RADIOACTIVE PARTICLEXS PII REALSURFACE SAIDXS ABLA INCL NEUTRONHP".split()
os.environ.update({"GEANT4_DATA_DIR": data} | {f"G4{name}DATA": data for name in names})
from geant4_pybind import *

WHOLE = """<gdml><define><variable name="i" value="0"/></define>
<materials><material name="lead" Z="82"><D value="11.35"/><atom value="207.2"/></material></materials>
<solids><box name="s" x="1" y="1" z="1" lunit="cm"/><box name="w" x="1" y="1" z="1" lunit="m"/></solids>
<structure><volume name="cell"><materialref ref="lead"/><solidref ref="s"/></volume>
<assembly name="row"><physvol name="one"><volumeref ref="cell"/></physvol></assembly>
<volume name="World"><materialref ref="G4_AIR"/><solidref ref="w"/><physvol><volumeref ref="row"/></physvol></volume>
</structure><setup name="Default" version="1.0"><world ref="World"/></setup></gdml>"""
inside = '<physvol name="one"><volumeref ref="cell"/></physvol>'
texts = {
    "whole": WHOLE,
    "loop": WHOLE.replace(inside, f'<loop for="i" to="3" step="1">{inside}</loop>'),
}
path = f"{data}/{sys.argv[1]}.gdml"
with open(path, "w") as file:
    file.write(texts[sys.argv[1]])
parser = G4GDMLParser()
parser.Read(path, False)
world = parser.GetWorldVolume()
if world is None:
    print("FOUND no world")
else:
    daughters = [world.GetLogicalVolume().GetDaughter(i) for i in range(world.GetLogicalVolume().GetNoDaughters())]
    densities = [f"{d.GetLogicalVolume().GetMaterial().GetDensity() / (g / cm3):.4g}" for d in daughters]
    print("FOUND", len(daughters), "daughters", *densities)
PY
for kind in whole loop; do
    "$place/venv/bin/python" "$place/read.py" $kind > "$place/$kind.txt" 2>&1 || true
    echo "$kind: $(grep -E "^FOUND|Unsupported GDML tag" "$place/$kind.txt" | tr '\n' ' ')"
done
grep -qx "FOUND 1 daughters 11.35" "$place/whole.txt"
grep -qx "FOUND 0 daughters" "$place/loop.txt"
grep -q "Unsupported GDML tag 'loop'" "$place/loop.txt"
