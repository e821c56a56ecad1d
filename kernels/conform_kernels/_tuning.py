"""Autotuning of kernels that are interpreted.

There is no GPU to time on, so Triton's tuner gives up. Here the first configuration is taken; it
is run once before, as tuning does, on the memory of the call, so that a kernel that bears no second
run shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triton.runtime.autotuner import Autotuner

_TIMES = [1.0, 1.0, 1.0]
_SLOWER = [2.0, 2.0, 2.0]


def mend_tuning() -> None:
    """Let Triton's tuner pick the first of the configurations, after a trial run of it."""
    plain = Autotuner._bench

    def bench(self: Any, *args: Any, config: Any, **meta: Any) -> list[float]:
        if self.configs_tried:
            return _SLOWER
        self.configs_tried = True
        asked, self._do_bench = self._do_bench, _once
        try:
            return list(plain(self, *args, config=config, **meta))
        finally:
            self._do_bench = asked

    tune = Autotuner.run

    def run(self: Any, *args: Any, **options: Any) -> Any:
        self.configs_tried = False
        return tune(self, *args, **options)

    Autotuner._bench, Autotuner.run = bench, run


def _once(call: Callable[[], Any], **options: Any) -> list[float]:
    call()
    return _TIMES
