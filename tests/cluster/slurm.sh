#!/bin/bash
# A Slurm of one node on this machine: `slurm.sh start FOLDER` and `slurm.sh stop FOLDER`, as root, outside CI.
#
# It needs Debian's or Ubuntu's packages slurm-wlm and munge, and leaves nothing outside the (new) folder. Afterwards
# SLURM_CONF=FOLDER/slurm.conf makes sbatch, squeue, scancel and sacct talk to it. All processes run at nice 15.
set -euo pipefail
usage() { echo "usage: $0 start|stop FOLDER" >&2; exit 2; }
[ $# = 2 ] || usage
folder=$(realpath -m "$2")

start() {
    for program in munged slurmctld slurmd; do
        command -v "$program" > /dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
    done
    [ "$(id -u)" = 0 ] || { echo "slurmd starts jobs for users, so it needs root" >&2; exit 1; }
    mkdir -m 755 "$folder"
    mkdir "$folder/state" "$folder/spool"
    host=$(hostname -s)
    cpus=$(nproc)
    memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)  # MB; a node that has less than it says drains

    head -c 1024 /dev/urandom > "$folder/munge.key"
    chmod 400 "$folder/munge.key"
    munged --force --key-file "$folder/munge.key" --socket "$folder/munge.socket" --pid-file "$folder/munged.pid" \
        --log-file "$folder/munged.log" --seed-file "$folder/munge.seed"

    cat > "$folder/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1000
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
SchedulerParameters=batch_sched_delay=1,sched_interval=2
MinJobAge=3600
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=batch Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF="$folder/slurm.conf"
    nice -n 15 slurmctld -c
    nice -n 15 slurmd
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --format %t 2> /dev/null)" = idle ] && { echo "export SLURM_CONF=$SLURM_CONF"; return; }
        sleep 1
    done
    echo "the node did not come up: see $folder/slurmctld.log and $folder/slurmd.log" >&2
    exit 1
}

stop() {
    [ -d "$folder" ] || { echo "$folder: no such folder" >&2; exit 1; }
    export SLURM_CONF="$folder/slurm.conf"
    scancel --user root > /dev/null 2>&1 || true
    for daemon in slurmd slurmctld munged; do  # by their own pid files: no other Slurm of this machine is touched
        [ -s "$folder/$daemon.pid" ] && kill "$(cat "$folder/$daemon.pid")" 2> /dev/null || true
    done
}

case "$1" in start) start ;; stop) stop ;; *) usage ;; esac
