#!/usr/bin/env bash
# h5py 3.16.0: rows of a variable-length dataset may be set at once as an object array of arrays, but only if the arrays
# differ in length: with equal lengths, or with a single one, the assignment is taken for a table and refused with
# "Can't broadcast (2, 5) -> (2,)". A writer of ragged showers works until two showers of a block have as many points.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet h5py==3.16.0
cat > "$place/rows.py" <<'PY'
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "w") as file:
    rows = file.create_dataset("rows", (4,), h5py.vlen_dtype(np.float32))
    for lengths in ((5, 3), (5, 5), (5,)):
        ragged = np.empty(len(lengths), object)
        for i, length in enumerate(lengths):
            ragged[i] = np.ones(length, np.float32)
        try:
            rows[: len(lengths)] = ragged
            print(lengths, "written")
        except TypeError as error:
            print(lengths, error)
PY
"$place/venv/bin/python" "$place/rows.py" "$place/a.h5" | tee "$place/answers"
printf '%s\n' "(5, 3) written" "(5, 5) Can't broadcast (2, 5) -> (2,)" "(5,) Can't broadcast (1, 5) -> (1,)" | diff - "$place/answers"
