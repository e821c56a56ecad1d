"""Offsets past 2^31 elements: the same values, laid far apart, give the same bits.

A kernel that multiplies an index by a stride in 32 bits reads somewhere else, or not at all: hence
a process of its own, which says where it stands.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="for interpreted kernels; tests/gpu/test_large.py is for GPUs"
)
PROGRAM = Path(__file__).parent / "kernels_far_apart.py"
LEAST = 20


@pytest.mark.slow
def test_values_far_apart_give_the_same_bits() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    last = (done.stdout.splitlines() or ["nothing"])[-1]
    assert done.returncode == 0, f"exit code {done.returncode}; {last}\n{done.stderr[-1500:]}"
    word, count = last.split(": ")
    assert word == "done"
    assert int(count) >= LEAST
