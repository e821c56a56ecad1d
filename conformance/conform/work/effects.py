"""What a call changed: the arguments' buffers, and the interpreter's global state."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from conform.work.flat import flat

# Generators that a call has only drawn from, as every module does that is made in one.
DRAWN = (
    "torch random generator", "cuda random generator", "python random generator",
    "numpy random generator",
)  # fmt: skip
TWISTS = 4096  # as many times 624 numbers may have been drawn
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}


def as_bits(tensor: torch.Tensor) -> torch.Tensor:
    """A contiguous tensor's bits as integers: NaN equals itself and -0.0 differs from 0.0."""
    return flat(tensor).view(_BITS[tensor.element_size()])


def count_changed(now: torch.Tensor, before: torch.Tensor) -> int:
    """How many elements of two contiguous tensors of one dtype and size differ in their bits."""
    return int(changed_mask(now, before).sum())


def changed_mask(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """bool[n]: which elements differ in their bits."""
    differs = as_bits(now) != as_bits(before)
    if now.element_size() == 16:
        differs = differs.view(-1, 2).any(dim=1)
    return differs


def same_bits(now: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether two contiguous tensors hold the same bits."""
    return torch.equal(as_bits(now), as_bits(before))


@dataclass(frozen=True)
class _Setting:
    """One piece of global state that a call must leave alone."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _set_grad_mode(enabled: bool) -> None:
    torch._C._set_grad_enabled(enabled)


def _read_deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _write_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _read_cudnn() -> tuple[bool, ...]:
    flags = torch.backends.cudnn
    return (flags.enabled, flags.benchmark, flags.deterministic)


def _write_cudnn(value: tuple[bool, ...]) -> None:
    flags = torch.backends.cudnn
    flags.enabled, flags.benchmark, flags.deterministic = value


def _read_autocast() -> tuple[bool, bool]:
    return torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")


def _write_autocast(value: tuple[bool, bool]) -> None:
    torch.set_autocast_enabled("cpu", value[0])
    torch.set_autocast_enabled("cuda", value[1])


def _write_default_device(value: torch.device) -> None:
    # None takes torch's device mode out again, where naming the CPU would leave one in place.
    torch.set_default_device(None if value.type == "cpu" else value)


_SUBNORMAL = torch.tensor([1e-39])


def _flushes_subnormals() -> bool:
    return bool((_SUBNORMAL * 0.5).item() == 0.0)


_SETTINGS = (
    _Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    _Setting("grad mode", torch.is_grad_enabled, _set_grad_mode),
    _Setting("deterministic algorithms", _read_deterministic, _write_deterministic),
    _Setting("thread count", torch.get_num_threads, torch.set_num_threads),
    _Setting("cudnn flags", _read_cudnn, _write_cudnn),
    _Setting(
        "float32 matmul precision",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    _Setting("autocast", _read_autocast, _write_autocast),
    _Setting("flush of subnormals", _flushes_subnormals, torch.set_flush_denormal),
    _Setting("default device", torch.get_default_device, _write_default_device),
)


def _only_drawn(before: Any, now: Any) -> bool:
    """Whether drawing numbers alone leads from one seeded Mersenne twister's state to another."""
    from numpy import array_equal, asarray, uint32
    from numpy.random import MT19937

    twister, wanted = MT19937(), asarray(now, uint32)
    twister.state = {
        "bit_generator": "MT19937",
        "state": {"key": asarray(before, uint32), "pos": 624},
    }
    for _ in range(TWISTS):
        if array_equal(twister.state["state"]["key"], wanted):
            return True
        twister.random_raw(624, output=False)
    return False


class GlobalState:
    """The global state as it should be; random generators are seeded anew before each call.

    A new seed for each call makes an operator that draws from the global generator differ between
    two equal calls, where a restored one would hide it.
    """

    def __init__(self, device: str) -> None:
        self._expected = [(setting, setting.read()) for setting in _SETTINGS]
        self._cuda = device.startswith("cuda")
        self._calls = 0
        self._python: Any = None
        self._numpy: Any = None
        self._torch = torch.default_generator.get_state()
        self._cuda_state = torch.empty(0)

    def before_call(self) -> None:
        """Seed the generators and remember where they stand."""
        self._calls += 1
        random.seed(self._calls)
        self._python = random.getstate()
        torch.default_generator.manual_seed(self._calls)
        self._torch = torch.default_generator.get_state()
        numpy = sys.modules.get("numpy.random")
        if numpy is not None:
            numpy.seed(self._calls)
            self._numpy = numpy.get_state()
        if self._cuda:
            torch.cuda.manual_seed(self._calls)
            self._cuda_state = torch.cuda.get_rng_state()

    def changed(self) -> list[str]:
        """The names of what is not as it was; settings are put back, so that it shows only once."""
        names = self._changed_generators()
        for setting, value in self._expected:
            if setting.read() != value:
                names.append(setting.name)
                setting.write(value)
        return names

    def _changed_generators(self) -> list[str]:
        names = []
        if not torch.equal(torch.default_generator.get_state(), self._torch):
            seeded = torch.default_generator.initial_seed() != self._calls
            names.append("torch random seed" if seeded else DRAWN[0])
        if self._cuda and not torch.equal(torch.cuda.get_rng_state(), self._cuda_state):
            seeded = torch.cuda.initial_seed() != self._calls
            names.append("cuda random seed" if seeded else DRAWN[1])
        python = random.getstate()
        if python != self._python:
            drawn = _only_drawn(self._python[1][:-1], python[1][:-1])
            names.append(DRAWN[2] if drawn else "python random seed")
        numpy = sys.modules.get("numpy.random")
        if numpy is not None and self._numpy is not None:
            now = numpy.get_state()
            moved = now[2:] != self._numpy[2:] or bool((now[1] != self._numpy[1]).any())
            if moved:
                drawn = _only_drawn(self._numpy[1], now[1])
                names.append(DRAWN[3] if drawn else "numpy random seed")
        return names
