"""Geant4 in a process of its own: `Worker` is the parent's side, ``python -m`` of this module the other.

The parent sends pickled `Shard`s on the child's stdin; the child answers in lines of JSON: one for every shower, one
for every shard. All that Geant4 itself writes goes to a log, from which a death is explained.
"""

__all__ = ["Shard", "Worker", "run_shard"]

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from caloforge.data.writer import write_showers
from caloforge.errors import CaloforgeError, Geant4Failed
from caloforge.geometry.binning import Binning
from caloforge.geometry.gdml import Calorimeter
from caloforge.simulation.geant4.simulate import simulate as simulate_showers
from caloforge.simulation.physics_lists import OPTION_0, PHYSICS_LISTS, Physics
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.tables.em_data import find_data
from caloforge.simulation.timing import NO_TIMING, Timing

Listener = Callable[[int], None]
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_BANNER = re.compile(r"\*{9,}\s*Geant4 version Name.*?\*{9,}", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Shard:
    """Part of a request: everything that a process needs to simulate it.

    Args:
        index: of the part, from 0.
        path: of the file to write.
        detector: the stack, or a GDML file.
        binning: the mesh.
        primaries: particles, energies, seeds.
        label: digest of the request.
        physics: list, cuts and limits.
        timing: whether to keep times of cells, and the gate.
    """

    index: int
    path: Path
    detector: Calorimeter
    binning: Binning
    primaries: Primaries
    label: str
    physics: Physics = OPTION_0
    timing: Timing = NO_TIMING

    def simulate(self, each: Listener) -> None:
        """Simulate in this process and write the file; it appears under its name only when complete.

        Args:
            each: called with the index of every finished shower.

        Raises:
            Geant4Missing: geant4-pybind is not installed.
            UnwritablePath: the file cannot be written.
        """
        showers, facts = simulate_showers(self.detector, self.primaries, self.binning, each, self.physics, self.timing)
        write_showers(self.path, showers, self.detector.name, {"request": self.label, "cost": asdict(facts)})


class Worker:
    """A child process that simulates shards, one after the other, with one Geant4 run manager.

    Use as a context manager; `kill` may be called from another thread.
    """

    def __init__(self) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 closed in __exit__
        command = [
            sys.executable,
            "-P",
            "-m",
            "caloforge.simulation.production.worker",
        ]  # -P: no module of the current folder
        environment = os.environ | find_data().environment
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment
        )

    def run(self, shard: Shard, each: Listener = lambda index: None) -> Path:
        """Simulate one shard.

        Args:
            shard: what to simulate.
            each: called with the index, in the shard, of every finished shower.

        Raises:
            Geant4Failed: the process died or reported an error; the sentence says which shard, how and why.
        """
        try:
            self._send(shard)
            for line in self._stdout:
                answer = json.loads(line)
                if "shower" in answer:
                    each(answer["shower"])
                elif "error" in answer:
                    raise Geant4Failed(f"shard {shard.index} of the simulation failed: {answer['error']}")
                else:
                    return shard.path
        except BrokenPipeError:
            pass
        raise Geant4Failed(self._obituary(shard))

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _send(self, shard: Shard) -> None:
        stdin = self._pipe(self._process.stdin)
        pickle.dump(shard, stdin)
        stdin.flush()

    @property
    def _stdout(self) -> IO[bytes]:
        return self._pipe(self._process.stdout)

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise Geant4Failed("the simulation process has no pipe")
        return pipe

    def _obituary(self, shard: Shard) -> str:
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        self.log.seek(0)
        why = last_words(self.log.read().decode(errors="replace"))
        return (
            f"the Geant4 process of shard {shard.index} {how}{f' ({why})' if why else ''}, with the physics list "
            f"{shard.physics.name} in the detector {shard.detector.name}; {_remedy(code, shard.physics)}; finished "
            "shards are kept, and the same call simulates only the missing ones"
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        try:
            self._process.communicate()
        finally:
            self.log.close()


def _remedy(code: int, physics: Physics) -> str:
    """What to try after an exit status; a negative one is minus the number of a signal."""
    if -code == signal.SIGKILL:
        return "where memory ran out, ask for fewer workers"
    if code < 0 and -code not in _CRASHES:
        return "somebody stopped it"
    lists = [name for name, choice in PHYSICS_LISTS.items() if choice.hadronic == physics.list.hadronic]
    others = ", ".join(name for name in lists if name != physics.name)
    return f"try another physics list ({others}) or Geant4's official datasets (GEANT4_DATA_DIR)"


def last_words(log: str) -> str:
    """What Geant4 said in its last fatal exception, else the last line behind its banner; at most 300 characters.

    Args:
        log: all that the process wrote.
    """
    log = _BANNER.sub("", log)
    fatal = re.findall(r"issued by\s*:\s*(.*?)\*{3}", log, flags=re.DOTALL)
    lines = [line.strip() for line in log.splitlines() if line.strip(" -*")]
    words = fatal[-1] if fatal else (lines or [""])[-1]
    return " ".join(words.split())[:300]


def run_shard(shard: Shard) -> Path:
    """Simulate one shard in a process that lives only for it: the task for executors other than this machine's.

    Args:
        shard: what to simulate.

    Raises:
        Geant4Failed: that process died.
    """
    with Worker() as worker:
        return worker.run(shard)


def main() -> None:
    """The child: read shards until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever Geant4 prints goes to the log
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    def answer(**message: Any) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    while True:
        try:
            shard: Shard = pickle.load(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # Geant4's hadronic lists crash in their destructors when Python ends
        try:
            shard.simulate(lambda index: answer(shower=index))
        except CaloforgeError as error:
            answer(error=str(error))
        else:
            answer(done=shard.index)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone."""
    while os.getppid() == parent:
        threading.Event().wait(1)
    os._exit(1)


if __name__ == "__main__":
    main()
