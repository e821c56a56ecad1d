"""The environment of workers: what surrounds a tensor in memory has no part in results."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conform.work.limits import poisoning_environment

PRODUCTS = """
import torch
margins = torch.full((65, 90), float("nan"), dtype=torch.bfloat16)
for rows, inner, columns in ((33, 3, 64), (33, 33, 8), (65, 80, 14)):
    margins.fill_(float("nan"))
    a = margins[:rows, 5 : 5 + inner].normal_()
    assert (a @ torch.randn(inner, columns).bfloat16()).isfinite().all(), (rows, inner, columns)
"""

CONVOLUTION = """
import torch
x, kernel = torch.randn(2, 8, 56).half(), torch.randn(8, 1, 31).half()
assert torch.nn.functional.conv1d(x, kernel, padding=15, groups=8).shape == x.shape
"""


def run_as_worker(code: str) -> None:
    environment = poisoning_environment(1)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_products_do_not_read_what_lies_between_rows() -> None:
    """On processors with AMX oneDNN's do (uxlfoundation/oneDNN#5717)."""
    run_as_worker(PRODUCTS)


def test_long_depthwise_convolutions_end() -> None:
    """On processors with float16 instructions oneDNN's do not."""
    run_as_worker(CONVOLUTION)


def test_instructions_that_the_user_asked_for_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert poisoning_environment(1)["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert "AMX" not in poisoning_environment(1)["ONEDNN_MAX_CPU_ISA"]
