#!/usr/bin/env bash
# geant4-pybind 0.1.3 (Geant4 11.4.1) has G4FastSimulationPhysics, which lets particles be handed to models of fast
# simulation, but neither the class that such a model derives from (G4VFastSimulationModel) nor the manager that hangs
# it into a region (G4FastSimulationManager): nothing in Python can take over a particle that way. A stacking action,
# which has ClassifyNewTrack and fKill, can stop particles before their first step instead.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet geant4-pybind==0.1.3
GEANT4_DATA_DIR="$place" "$place/venv/bin/python" - <<'PY'
import geant4_pybind as g4

for name in ("G4FastSimulationPhysics", "G4VFastSimulationModel", "G4FastSimulationManager", "G4UserStackingAction", "fKill"):
    print(f"{name:26s} {'is there' if hasattr(g4, name) else 'is missing'}")
assert hasattr(g4, "G4FastSimulationPhysics")
assert not hasattr(g4, "G4VFastSimulationModel")
assert not hasattr(g4, "G4FastSimulationManager")
assert hasattr(g4.G4UserStackingAction, "ClassifyNewTrack")
PY
