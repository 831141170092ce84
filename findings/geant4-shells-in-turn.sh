#!/usr/bin/env bash
# geant4-pybind 0.1.3 (Geant4 11.4.1): thin concentric shells in one volume are tried one after the other. The voxels by
# which Geant4 finds one of many daughters at once are slices along x, y and z, and each slice cuts nearly every shell of
# a curved calorimeter. Geantinos through 272 half shells of 1.5 mm at a radius of 1.5 m take 8 times as long as where
# the same shells lie in 17 groups of 16, each group a volume of its own (more than 3 times is asked for here); for flat
# slabs it is 1.5 times. Geant4 says nothing of it. Seen on photons of 10 GeV in lead and argon: showers with the same
# bits, in a quarter of the time.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet geant4-pybind==0.1.3
cat > "$place/shells.py" <<'PY'
import math
import os
import sys
import time

data = os.path.dirname(__file__)
with open(f"{data}/ENSDFSTATE.dat", "w") as states:
    states.write("1 1 0 - -1 1 0\n")
names = "LE ENSDFSTATE LEVELGAMMA RADIOACTIVE PARTICLEXS PII REALSURFACE SAIDXS ABLA INCL NEUTRONHP".split()
os.environ.update({"GEANT4_DATA_DIR": data} | {f"G4{name}DATA": data for name in names})
from geant4_pybind import *

SHELLS, THICK, RADIUS, GROUP = 272, 1.5, 1500.0, 16
shape, grouped = sys.argv[1], sys.argv[2] == "grouped"


class Detector(G4VUserDetectorConstruction):
    def Construct(self):
        self.kept = []
        self.vacuum = G4NistManager.Instance().FindOrBuildMaterial("G4_Galactic")
        world = self.put("world", G4Box("world", 2500.0, 2500.0, 2500.0), 0.0, None)
        mother = world
        for i in range(SHELLS):
            if grouped and i % GROUP == 0:
                mother = self.put(f"group{i}", *self.solid(i, i + GROUP), world)
            solid, z = self.solid(i, i + 1)
            if mother is not world:
                first = i - i % GROUP
                z = 0.0 if shape == "curved" else z - self.solid(first, first + GROUP)[1]
            self.put(f"shell{i}", solid, z, mother)
        return self.kept[0][2]

    def solid(self, first, end):
        front, back = RADIUS + first * THICK, RADIUS + end * THICK
        if shape == "curved":
            return G4Tubs("shell", front, back, 1000.0, 0.0, math.pi), 0.0
        return G4Box("shell", 1000.0, 1000.0, (back - front) / 2), (front + back) / 2

    def put(self, name, solid, z, mother):
        logical = G4LogicalVolume(solid, self.vacuum, name)
        physical = G4PVPlacement(None, G4ThreeVector(0, 0, z), logical, name, mother, False, 0)
        self.kept.append((solid, logical, physical))
        return logical


class List(G4VModularPhysicsList):
    def ConstructParticle(self):
        G4Geantino.GeantinoDefinition()


class Gun(G4VUserPrimaryGeneratorAction):
    def __init__(self):
        super().__init__()
        self.gun = G4ParticleGun(G4Geantino.GeantinoDefinition())
        self.gun.SetParticlePosition(G4ThreeVector(0, 1000 * (shape == "curved"), 1000 * (shape == "flat")))
        self.gun.SetParticleEnergy(1000.0)

    def GeneratePrimaries(self, event):
        tilt = 0.1 * math.sin(event.GetEventID())
        along = (tilt, 1, 0.3 * tilt) if shape == "curved" else (tilt, 0.3 * tilt, 1)
        self.gun.SetParticleMomentumDirection(G4ThreeVector(*along))
        self.gun.GeneratePrimaryVertex(event)


class Actions(G4VUserActionInitialization):
    def Build(self):
        self.gun = Gun()
        self.SetUserAction(self.gun)


manager = G4RunManagerFactory.CreateRunManager(G4RunManagerType.Serial)
parts = Detector(), List(), Actions()
for part in parts:
    manager.SetUserInitialization(part)
manager.Initialize()
manager.BeamOn(10)
start = time.process_time()
manager.BeamOn(1000)
print("us each:", 1000 * (time.process_time() - start))
PY
cd "$place"
for shape in curved flat; do
    for way in single grouped; do
        "$place/venv/bin/python" shells.py "$shape" "$way" 2> /dev/null | sed -n 's/us each: //p' > "$shape.$way"
        echo "$shape, $way: $(cat "$shape.$way") us a geantino"
    done
done
awk 'FNR == 1 { us[FILENAME] = $1 }
    END {
        curved = us["curved.single"] / us["curved.grouped"]; flat = us["flat.single"] / us["flat.grouped"]
        printf "grouping gains %.1f times for curved shells, %.1f for flat slabs\n", curved, flat
        exit !(curved > 3 && curved > 2 * flat)
    }' curved.single curved.grouped flat.single flat.grouped
