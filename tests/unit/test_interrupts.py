"""An interrupt that something swallowed is raised again."""

from __future__ import annotations

import signal

import pytest

from conform.run.interrupts import remembered


def test_a_swallowed_interrupt_is_remembered() -> None:
    with remembered() as check:
        check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
