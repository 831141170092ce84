#!/usr/bin/env bash
# htcondor 25.14.1 from PyPI: `import htcondor`, as its users wrote for years, fails, since the package holds only a
# module `htcondor2`. Its `Submit` reads a submit description and refuses a line that is no assignment, but takes any
# name and any value: a misspelt request_memory passes, so "it parses" says nothing of what the pool will make of it.
# Seen 2026-11 on Linux x86_64, Python 3.11. Fails when that changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet htcondor==25.14.1
cat > "$place/read.py" <<'PY'
import importlib.util

import htcondor2

print("htcondor" if importlib.util.find_spec("htcondor") else "htcondor2 alone")
for line in ("request_memory = 2GB", "request_memry = 2GB", "request_memory = plenty", "request_memory"):
    try:
        description = htcondor2.Submit(f"executable = part.sh\n{line}\nqueue part in (1, 2)\n")
        print(f"{line}: read, {[item['part'] for item in description.itemdata()]}")
    except ValueError:
        print(f"{line}: refused")
PY
"$place/venv/bin/python" "$place/read.py" | tee "$place/answers"
diff - "$place/answers" <<'TEXT'
htcondor2 alone
request_memory = 2GB: read, ['1', '2']
request_memry = 2GB: read, ['1', '2']
request_memory = plenty: read, ['1', '2']
request_memory: refused
TEXT
