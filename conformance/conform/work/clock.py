"""How long a worker has worked: what a time limit is held against on a machine with other work."""

from __future__ import annotations

import os
import time
from pathlib import Path

IDLE = 0.05  # below this share of a core a worker waits for something
MOST = 8  # times the limit, by the clock on the wall
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class WorkClock:
    """Seconds that a process and its children have had since this was made.

    While they compute, the CPU time they got (never more than the wall time): a machine shared
    with other work makes nobody late. While they wait, the wall time: a deadlock is a hang. Where
    the system does not tell CPU times, the wall time throughout.
    """

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._began = self._last = time.monotonic()
        self._cpu: float | None = None
        self._spent = 0.0

    def spent(self) -> float:
        """Seconds so far. To be asked every second or so: what is idle is judged in between."""
        now, cpu = time.monotonic(), cpu_seconds(self._pid)
        wall = now - self._last
        used = wall if cpu is None or self._cpu is None else cpu - self._cpu
        self._spent += min(wall, used) if used >= IDLE * wall else wall
        self._last, self._cpu = now, cpu
        return max(self._spent, (now - self._began) / MOST)


def cpu_seconds(pid: int | None) -> float | None:
    """CPU time of a process and its living descendants, with those that ended; None: not known."""
    if pid is None:
        return None
    total, waiting = 0.0, [pid]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        try:
            # The name, in parentheses, may hold anything.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            for children in (folder / "task").glob("*/children"):
                waiting += [int(child) for child in children.read_text().split()]
        except OSError:
            if total == 0.0:
                return None
            continue
        total += sum(int(field) for field in fields[11:15]) / _TICKS
    return total
