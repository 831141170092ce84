#!/usr/bin/env bash
# geant4-pybind 0.1.3: importing the module asks on standard input whether to download Geant4's data sets. With standard
# input closed, as in a batch job, `import geant4_pybind` is an ImportError that says "initialization failed" and nothing
# of data. It asks nothing and imports once GEANT4_DATA_DIR is set, even to an empty folder.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet geant4-pybind==0.1.3
mkdir "$place/empty" "$place/home"
asked=$(cd "$place" && env -u CI -u GEANT4_DATA_DIR HOME="$place/home" "$place/venv/bin/python" -c 'import geant4_pybind' 2>&1 < /dev/null) && exit 1
printf '%s\n' "$asked" | grep -E "download|ImportError"
grep -q "Would you like to download" <<< "$asked"
grep -q "ImportError: initialization failed" <<< "$asked"
env -u CI GEANT4_DATA_DIR="$place/empty" "$place/venv/bin/python" -c 'import geant4_pybind; print("imports with an empty folder")' < /dev/null
