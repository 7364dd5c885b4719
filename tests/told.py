"""A selection rule that tells of each validation and may end its process; tests copy it to where a run is made."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from clsunbias.selection import History, LastStep


@dataclass(frozen=True)
class Told(LastStep):
    """The last validation; each adds a line to a file: the run's name and seed, its number, the process.

    Args:
        log: the file.
        name: of the run.
        seed: of the run.
        partners: waits until as many processes are in the file.
        end: what the run does at its first validation: ``kill`` its process, ``exit``, or go on.
    """

    log: str = ""
    name: str = ""
    seed: int = 0
    partners: int = 1
    end: str = ""

    def score(self, history: History) -> float:
        with Path(self.log).open("a") as file:
            file.write(f"{self.name} {self.seed} {len(history)} {os.getpid()}\n")
        if self.end == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.end == "exit":
            sys.exit("the rule has had enough")
        deadline = time.monotonic() + 600
        while len({line.split()[3] for line in Path(self.log).read_text().splitlines()}) < self.partners:
            if time.monotonic() > deadline:
                raise TimeoutError("the others did not come")
            time.sleep(0.01)
        return super().score(history)
