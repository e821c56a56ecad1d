"""What a call on a GPU needs beyond one on the CPU: a fault ends the process, fresh memory is NaN.

A fault (an illegal address, a failed assertion) breaks the process' connection to the device for
good: every later call would fail as well, and be blamed for it.
"""

from __future__ import annotations

import os
import sys

import torch

# One block of each of torch's pools: for small tensors and for large ones.
_POISONED = (1 << 20, 20 << 20)


def end_if_lost(device: str) -> None:
    """Abort the process after a fault of the device, so that it counts as a crash of this call."""
    if not device.startswith("cuda"):
        return
    try:
        torch.cuda.synchronize()
    except Exception as fault:  # noqa: BLE001 - torch has several classes for it, by version
        print(f"the device is lost: {fault}", file=sys.stderr, flush=True)
        os.abort()


def poison_free_memory(device: str) -> None:
    """Fill what torch's allocator is likely to give out next with NaN, as the CPU's is."""
    if not device.startswith("cuda"):
        return
    for size in _POISONED:
        torch.full((size // 4,), float("nan"), dtype=torch.float32, device=device)
