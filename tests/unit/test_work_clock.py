"""Time limits on a shared machine: computing is charged by CPU time, waiting by the wall's."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from conform.work import clock
from conform.work.clock import IDLE, MOST, WorkClock, cpu_seconds


class Machine:
    """Wall and CPU time that a test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.cpu = 100.0, 7.0
        monkeypatch.setattr(clock.time, "monotonic", lambda: self.wall)
        monkeypatch.setattr(clock, "cpu_seconds", lambda pid: self.cpu)

    def pass_by(self, wall: float, cpu: float) -> None:
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu


@pytest.mark.parametrize(
    ("share", "charged"),
    [(1.0, 1.0), (0.25, 0.25), (4.0, 1.0), (0.0, 1.0), (IDLE / 2, 1.0)],
    ids=["alone", "crowded", "several threads", "asleep", "nearly asleep"],
)
def test_a_second_is_charged(monkeypatch: pytest.MonkeyPatch, share: float, charged: float) -> None:
    machine = Machine(monkeypatch)
    watch = WorkClock(1)
    machine.pass_by(1.0, 1.0)
    assert watch.spent() == pytest.approx(1.0)  # the first look has nothing to compare with
    for second in range(2, 5):
        machine.pass_by(1.0, share)
        assert watch.spent() == pytest.approx(1.0 + (second - 1) * charged)


def test_the_wall_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    watch = WorkClock(1)
    for _ in range(100):
        machine.pass_by(1.0, 1.1 * IDLE)
        spent = watch.spent()
    assert spent == pytest.approx(100 / MOST)


def test_cpu_time_of_a_process_with_its_children() -> None:
    spin = "import time\nwhile time.process_time() < 0.5: pass\n"  # more: time is told in ticks
    nested = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {spin!r}])\ninput()"
    before = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE) as process:
        while (cpu_seconds(process.pid) or 0.0) < 0.3:
            assert time.monotonic() - before < 60
            time.sleep(0.02)
        process.communicate(b"\n")
    assert cpu_seconds(process.pid) is None  # it is gone
    assert cpu_seconds(None) is None
