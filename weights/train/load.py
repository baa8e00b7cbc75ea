"""How many threads a step should take on a machine that others use too (Linux).

Two threads of a step wait for each other at every product: beside another busy process both are slower than one.
"""

import os
import time
from pathlib import Path

WINDOW = 5.0  # s


class Load:
    def __init__(self, ours: list[int]):
        self.ours = ours
        self.last = self._read()
        self.current = os.cpu_count() or 1

    def threads(self) -> int:
        """All cores less those that others kept busy in the last seconds, at least one."""
        now = self._read()
        took = now[0] - self.last[0]
        if took >= WINDOW:
            others = (now[1] - self.last[1]) / took
            cores = os.cpu_count() or 1
            self.current = max(1, cores - int(others + 0.65))
            self.last = now
        return self.current

    def _read(self) -> tuple[float, float]:
        """Time, and CPU seconds that other processes have used."""
        tick = os.sysconf("SC_CLK_TCK")
        fields = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = sum(fields) - fields[3] - fields[4]  # without idle and waiting for disks
        mine = 0
        for pid in self.ours:
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            mine += int(after_name[11]) + int(after_name[12])
        return time.monotonic(), (busy - mine) / tick
