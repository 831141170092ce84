"""Exit 0 if two files of showers have the same datasets, byte for byte, and the same mesh and detector."""

import sys

import h5py

first, second = (h5py.File(path) for path in sys.argv[1:3])
for name in sorted({*first, *second}):
    if name not in first or name not in second or first[name][:].tobytes() != second[name][:].tobytes():
        sys.exit(f"FAILED: {name} differs")
for name in {*first.attrs, *second.attrs} - {"provenance"}:  # which says when and how fast
    if first.attrs[name] != second.attrs[name]:
        sys.exit(f"FAILED: {name} differs")
print(f"the same {len(first['showers'])} showers, byte for byte")  # noqa: T201
