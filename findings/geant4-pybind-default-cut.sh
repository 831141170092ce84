#!/usr/bin/env bash
# geant4-pybind 0.1.3 (Geant4 11.4.1): on a physics list that is a Python class, SetDefaultCutValue before
# the initialisation is silently without effect: the world gets range cuts of 1 mm (e- threshold in water 351 keV)
# although 0.05 mm was set, and GetDefaultCutValue, 0.05 before the initialisation, is 0 after it. The command
# /run/setCut after the initialisation does what was meant (57 keV).
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet geant4-pybind==0.1.3
cat > "$place/list.py" <<'PY'
import os
import sys

data = os.path.dirname(__file__)
with open(f"{data}/ENSDFSTATE.dat", "w") as states:
    states.write("1 1 0 - -1 1 0\n")
names = "LE ENSDFSTATE LEVELGAMMA RADIOACTIVE PARTICLEXS PII REALSURFACE SAIDXS ABLA INCL NEUTRONHP".split()
os.environ.update({"GEANT4_DATA_DIR": data} | {f"G4{name}DATA": data for name in names})
from geant4_pybind import *


class Detector(G4VUserDetectorConstruction):
    def Construct(self):
        water = G4NistManager.Instance().FindOrBuildMaterial("G4_WATER")
        self.solid = G4Box("world", 1000.0, 1000.0, 1000.0)
        self.logical = G4LogicalVolume(self.solid, water, "world")
        self.physical = G4PVPlacement(None, G4ThreeVector(), self.logical, "world", None, False, 0)
        return self.physical


class List(G4VModularPhysicsList):
    def ConstructParticle(self):
        for particle in (G4Gamma.Gamma, G4Electron.Electron, G4Positron.Positron, G4Proton.Proton):
            particle()


class Gun(G4VUserPrimaryGeneratorAction):
    def GeneratePrimaries(self, event):
        pass


class Actions(G4VUserActionInitialization):
    def Build(self):
        self.gun = Gun()
        self.SetUserAction(self.gun)


manager = G4RunManagerFactory.CreateRunManager(G4RunManagerType.Serial)
detector, physics, actions = Detector(), List(), Actions()
physics.SetDefaultCutValue(0.05)
print("default cut before:", physics.GetDefaultCutValue())
for part in (detector, physics, actions):
    manager.SetUserInitialization(part)
manager.Initialize()
print("default cut after:", physics.GetDefaultCutValue())
if "command" in sys.argv:
    G4UImanager.GetUIpointer().ApplyCommand("/run/setCut 0.05 mm")
manager.BeamOn(0)
G4UImanager.GetUIpointer().ApplyCommand("/run/dumpCouples")
PY
silent=$("$place/venv/bin/python" "$place/list.py" 2>&1)
command=$("$place/venv/bin/python" "$place/list.py" command 2>&1)
grep -E "default cut|Range cuts|Energy thresholds" <<< "$silent"
echo "after /run/setCut:"
grep -E "Range cuts|Energy thresholds" <<< "$command"
grep -qx "default cut before: 0.05" <<< "$silent"
grep -qx "default cut after: 0.0" <<< "$silent"
grep -Eq "Range cuts +: +gamma +1 mm +e- +1 mm" <<< "$silent"
grep -Eq "Range cuts +: +gamma +50 um +e- +50 um" <<< "$command"
