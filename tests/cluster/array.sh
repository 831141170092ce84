#!/bin/bash
# An array of 8 on a real Slurm, one task of which is cancelled and submitted again: the file of one undisturbed call.
#
#   tests/cluster/array.sh FOLDER PYTHON simulate|generate     as root, outside CI; see slurm.sh for what it needs
#
# FOLDER is new and stays, with the logs. PYTHON is the interpreter of an environment with caloforge.
set -euo pipefail
[ $# = 3 ] || { echo "usage: $0 FOLDER PYTHON simulate|generate" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
folder=$(realpath -m "$1")
python=$2
case "$3" in
    simulate) words=(simulate --energy 100MeV:1GeV:log -n 48 --seed 4 --shard-size 3) ;;
    generate) words=(generate vae-siw-1080 --energy 1GeV:100GeV:log -n 15500 --seed 4 --batch 1000) ;;
    *) exit 2 ;;
esac
mkdir "$folder"
cd "$folder"
eval "$("$here/slurm.sh" start "$folder/slurm")"
trap '"$here/slurm.sh" stop "$folder/slurm"' EXIT
caloforge() { nice -n 15 "$python" -m caloforge "$@"; }
wait_for_empty_queue() { while [ -n "$(squeue --noheader)" ]; do sleep 3; done; }

submit() { caloforge submit --system slurm --jobs 8 --memory 2GB --now "$@" -- "${words[@]}" -o array.h5; }
submit
array=$(squeue --noheader --format %F --sort i | head -n 1)
scancel "${array}_7"
wait_for_empty_queue
cat array.h5.jobs/merge.log
[ ! -e array.h5 ] || { echo "FAILED: merged without part 7"; exit 1; }

submit --resume
[ "$(squeue --noheader --array --format %K | grep -c '^7$')" = 1 ] || { echo "FAILED: part 7 is not in the queue"; exit 1; }
wait_for_empty_queue
cat array.h5.jobs/merge.log

OMP_NUM_THREADS=1 caloforge "${words[@]}" -o one.h5
"$python" "$here/same.py" one.h5 array.h5
