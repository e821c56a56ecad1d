"""A growing piece of shared memory with one writer and one reader."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import torch

from conform.work.flat import flat

_ALIGN = 64
_FIRST_SIZE = 1 << 20
_FAST_FOLDER = Path("/dev/shm")


def create_arena_file() -> int:
    """A file descriptor of an unlinked file in memory; it vanishes with its last user."""
    folder = str(_FAST_FOLDER) if os.access(_FAST_FOLDER, os.W_OK) else None
    descriptor, path = tempfile.mkstemp(prefix="conform-", dir=folder)
    os.unlink(path)
    os.ftruncate(descriptor, _FIRST_SIZE)
    return descriptor


class Arena:
    """Bytes at offsets that both sides see: one calls `reset` and `write`, the other `read`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._used = 0
        self._bytes = torch.empty(0, dtype=torch.uint8)
        self._map(os.fstat(descriptor).st_size)

    def _map(self, size: int) -> None:
        # The old mapping lives as long as tensors that look into it; nothing is unmapped under
        # them.
        self._bytes = torch.frombuffer(mmap.mmap(self._descriptor, size), dtype=torch.uint8)

    def reset(self) -> None:
        """Forget what was written: the next write starts at the beginning."""
        self._used = 0

    def write(self, tensor: torch.Tensor) -> int:
        """Copy a contiguous CPU tensor in; returns its offset in bytes."""
        offset = self._used
        size = tensor.numel() * tensor.element_size()
        end = offset + size
        if end > self._bytes.numel():
            grown = max(end, 2 * self._bytes.numel())
            os.ftruncate(self._descriptor, grown)
            self._map(grown)
        if size:
            self._bytes[offset:end].copy_(flat(tensor).view(torch.uint8))
        self._used = (end + _ALIGN - 1) // _ALIGN * _ALIGN
        return offset

    def read(self, offset: int, count: int, dtype: torch.dtype) -> torch.Tensor:
        """A 1-D tensor over `count` elements at `offset`, sharing the arena's memory.

        Raises ValueError when that lies outside of the arena.
        """
        end = offset + count * dtype.itemsize
        if end > self._bytes.numel():
            self._map(os.fstat(self._descriptor).st_size)
        if offset < 0 or count < 0 or end > self._bytes.numel():
            raise ValueError(f"bytes {offset} to {end} of an arena of {self._bytes.numel()}")
        return self._bytes[offset:end].view(dtype)

    def close(self) -> None:
        """Close the file; tensors that look into the mapping stay valid."""
        os.close(self._descriptor)
