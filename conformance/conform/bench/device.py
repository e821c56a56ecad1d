"""The one place that knows the GPU: events, the cache's flush, versions."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from typing import Protocol

import torch

from conform.errors import ConformError

Outputs = tuple[torch.Tensor, ...]
LIBRARIES = ("torch", "triton", "liger-kernel", "flash-linear-attention", "transformer-conformance")
_FLUSH = 4  # times the cache that is overwritten between calls
_LEAST_FLUSH = 256 << 20


class Device(Protocol):
    """What is timed on."""

    @property
    def name(self) -> str:
        """As its maker calls it."""

    @property
    def where(self) -> torch.device:
        """Where tensors are made."""

    @property
    def cache_bytes(self) -> int:
        """Of the last cache: that much of what is written need not have reached memory yet."""

    def timed(self, call: Callable[[], Outputs]) -> tuple[float, Outputs]:
        """(seconds of the call's work from a cold cache, what it returned, complete)."""

    def versions(self) -> dict[str, str]:
        """Of everything that a time depends on."""


class CudaDevice:
    """The current CUDA or ROCm device."""

    def __init__(self) -> None:
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        self.name: str = properties.name
        self.where = torch.device("cuda", torch.cuda.current_device())
        self.cache_bytes = int(getattr(properties, "L2_cache_size", 0))
        size = max(_FLUSH * self.cache_bytes, _LEAST_FLUSH)
        self._flushed = torch.empty(size, dtype=torch.uint8, device=self.where)

    def timed(self, call: Callable[[], Outputs]) -> tuple[float, Outputs]:
        """Device events around the call. The flush before it also hides the host's launch time.

        The outputs are read on the current stream, not after a device-wide wait: what a call left
        to another stream would be missing from them, and be found wrong.
        """
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        self._flushed.zero_()
        start.record()
        outputs = call()
        end.record()
        end.synchronize()
        seconds = float(start.elapsed_time(end)) / 1e3
        return seconds, tuple(output.clone() for output in outputs)

    def versions(self) -> dict[str, str]:
        """Libraries, and the platform that torch was built for."""
        built = {"cuda": torch.version.cuda, "rocm": torch.version.hip}
        return library_versions() | {name: v for name, v in built.items() if v is not None}


def library_versions() -> dict[str, str]:
    """Of Python and of the libraries that are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cuda_device() -> Device:
    """The GPU; raises ConformError (exit code 2) where there is none."""
    if not torch.cuda.is_available():
        raise ConformError(
            "device-missing",
            f"benchmarks need a GPU, and torch {torch.__version__} finds none here",
            hint="run `conform bench` on a machine with one; times on a CPU, interpreted, would "
            "say nothing about a kernel",
        )
    return CudaDevice()
