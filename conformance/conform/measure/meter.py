"""The meter: hears of every kernel access and every eager operation of a call, and adds up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from conform.measure.eager import COPIES, Operation, observe, span_of, tensors_of
from conform.measure.flops import eager_flops
from conform.measure.launch import Kind, Launch
from conform.measure.record import Key, Measurement, Traffic
from conform.measure.regions import Array, Region, Regions, Role, Span, Written
from conform.measure.seam import has_kernels, interpreter, watched


class Meter:
    """What has been metered so far, in one or several blocks."""

    def __init__(self) -> None:
        self._regions = Regions(self._ended)
        self._ended_regions: list[Region] = []
        self._launch: Launch | None = None
        self._live = self._peak = 0
        self._outside = self._launches = self._flops = 0
        self._races = (0, 0)
        self._in_launch = False
        self._keys: list[Key] = []
        self.missed_launches = False

    def name(self, key: Key, x: torch.Tensor) -> None:
        """Tell the traffic on this tensor's memory apart; several may have one name.

        Raises ValueError for a tensor that is not on the CPU.
        """
        if x.device.type != "cpu":
            raise ValueError(f"argument {key!r} is on {x.device}; only the CPU is metered")
        if key not in self._keys:
            self._keys.append(key)
        if x.layout == torch.strided and x.untyped_storage().nbytes():
            self._regions.add(x.untyped_storage(), Role.ARGUMENT, key)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Meter what runs in this block, too."""
        blind = interpreter() is None
        try:
            with watched(self), _EagerMode(self):
                yield
        finally:
            _forget_compiled()
        # Kernels of a triton that was imported in the block were not seen.
        self.missed_launches |= blind and has_kernels()

    @property
    def launched(self) -> bool:
        """Whether a Triton kernel was launched so far."""
        return self._launches > 0

    # -- kernels -------------------------------------------------------------------------------

    def launch(self, run: Callable[[], Any], arguments: tuple[Any, ...]) -> Any:
        """One launch; what the executor does around the programs is none of the kernel's doing."""
        if self._in_launch:
            return run()
        for x in tensors_of(arguments):
            self._region(x, Role.OTHER)
        self._launches += 1
        launch = self._launch = Launch()
        self._in_launch = True
        try:
            with _disable_current_modes():
                return run()
        finally:
            self._in_launch = False
            self._launch = None
            launch.end()
            self._races = (self._races[0] + launch.races[0], self._races[1] + launch.races[1])

    def program(self, count: int) -> None:
        """The next of `count` programs begins."""
        if self._launch is not None:
            self._launch.begin_program(count)

    def scalar_atomic(self, address: int) -> None:
        """A program may have learnt of others."""
        if self._launch is not None:
            self._launch.scalar_atomic(address)

    def product(self, flops: int) -> None:
        """A product of matrices in a kernel."""
        self._flops += flops

    def access(
        self,
        addresses: Array,
        mask: Array,
        itemsize: int,
        kind: Kind,
        rewrites: Callable[[Array], Array] | None = None,
    ) -> Array:
        """Count an access; the mask without lanes whose address is in no tensor."""
        mask = np.asarray(mask)
        count = int(np.count_nonzero(mask))
        if count == 0 or self._launch is None:
            return mask
        active = addresses.reshape(-1) if count == mask.size else addresses[mask]
        span = Span.of(active, itemsize)
        region = self._regions.holding(span)
        if region is not None:
            same = None
            if rewrites is not None and self._launch.overwrites(region, span):
                same = rewrites(mask)
            self._note(region, span, count, kind, same)
            return mask
        return self._scattered(mask, active, itemsize, kind)

    def _scattered(self, mask: Array, active: Array, itemsize: int, kind: Kind) -> Array:
        """An access to several tensors, or beyond all."""
        number = self._regions.of_each(active, itemsize)
        for n in np.unique(number[number >= 0]):
            own = active[number == n]
            self._note(self._regions.numbered(int(n)), Span.of(own, itemsize), own.size, kind)
        self._outside += int(np.count_nonzero(number < 0))
        kept = mask.copy()
        kept[kept] = number >= 0
        return kept

    def _note(
        self, region: Region, span: Span, lanes: int, kind: Kind, same: Array | None = None
    ) -> None:
        if kind is not Kind.WRITE:
            region.read_bytes += lanes * span.itemsize
        if kind is not Kind.READ:
            region.written_bytes += lanes * span.itemsize
        if self._launch is not None:
            self._launch.add(region, span, kind, same)

    # -- eager operations ----------------------------------------------------------------------

    def operation(self, done: Operation) -> None:
        """Count one eager operation."""
        holds = self._copied(done)
        for x, size in done.reads:
            region = self._region(x, Role.OTHER)
            if region is not None and size:
                region.read_bytes += size
                if region.written is not None and holds is None:
                    region.written.read(span_of(x))
        for x in done.outputs:
            region = self._region(x, Role.FRESH)
            if region is not None and done.allocates:
                region.written = Written(region.start, region.end - region.start, x.element_size())
        for x, size in done.writes:
            region = self._region(x, Role.FRESH)
            if region is not None:
                region.written_bytes += size
                _fill(region, x, holds)
        self._flops += eager_flops(done.name, done.args, done.outputs)

    def _copied(self, done: Operation) -> Array | None:
        """For a copy from memory that is not all written: which elements hold a value."""
        if done.name not in COPIES or not done.reads or not done.writes:
            return None
        source, target = done.reads[-1][0], done.writes[0][0]
        region = self._region(source, Role.OTHER)
        if region is None or region.written is None or region.written.complete:
            return None
        if source.shape != target.shape:
            return None
        return region.written.holds(span_of(source, repeated=True))

    def _region(self, x: torch.Tensor, role: Role) -> Region | None:
        """The region of a tensor's memory; a new one for memory not seen before."""
        if x.layout != torch.strided or x.device.type != "cpu":
            return None
        storage = x.untyped_storage()
        if not storage.nbytes():
            return None
        known = self._regions.starting_at(storage.data_ptr())
        if known is not None and known.end - known.start == storage.nbytes():
            return known
        made = self._regions.add(storage, role)
        if role is Role.FRESH:
            self._live += storage.nbytes()
            self._peak = max(self._peak, self._live)
        return made

    def _ended(self, region: Region) -> None:
        self._ended_regions.append(region)
        if region.role is Role.FRESH:
            self._live -= region.end - region.start

    # -- the sum -------------------------------------------------------------------------------

    def measurement(self, results: Iterable[Any] = ()) -> Measurement:
        """What was metered; `results` are the tensors that the call returned."""
        for x in tensors_of(results):
            region = self._region(x, Role.OTHER)
            if region is not None and region.role is Role.FRESH:
                region.is_result = True
        arguments = dict.fromkeys(self._keys, Traffic())
        returned = fresh = other = Traffic()
        every = [*self._ended_regions, *self._regions]
        for region in every:
            traffic = Traffic(region.read_bytes, region.written_bytes)
            if region.role is Role.ARGUMENT and region.key is not None:
                arguments[region.key] = arguments[region.key] + traffic
            elif region.role is Role.OTHER:
                other += traffic
            elif region.is_result:
                returned += traffic
            else:
                fresh += traffic
        return Measurement(
            arguments=arguments,
            results=returned,
            fresh=fresh,
            other=other,
            sectors=sum(region.sectors for region in every),
            outside=self._outside,
            write_write=self._races[0],
            read_write=self._races[1],
            unwritten=sum(region.unwritten for region in every),
            launches=self._launches,
            flops=self._flops,
            peak=self._peak,
        )


def _fill(region: Region, x: torch.Tensor, holds: Array | None) -> None:
    """These elements hold values now, but for those that were copied from holes."""
    if not x.numel():
        return
    if holds is not None and region.written is None:
        size = region.end - region.start
        region.written = Written(region.start, size, x.element_size())
        region.written.has[:] = True
    if region.written is not None:
        span = span_of(x, repeated=holds is not None)
        if holds is None:
            region.written.write(span)
        else:
            units = max(1, span.itemsize // region.written.unit)
            region.written.write(span, np.repeat(holds, units))


class _EagerMode(TorchDispatchMode):
    """Tells a meter of every aten operation, also of a backward pass."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._meter.operation(observe(func, args, kwargs or {}, out))
        return out


def _forget_compiled() -> None:
    """What the compiler met under the meter it gives up on for good; let it try afresh."""
    compiler = sys.modules.get("torch._dynamo")
    if compiler is not None:
        compiler.reset()


@contextmanager
def metered(arguments: Mapping[Key, torch.Tensor] | None = None) -> Iterator[Meter]:
    """Meter what runs in the block: interpreted Triton kernels and eager PyTorch on the CPU.

    `arguments` names tensors whose traffic `Measurement.arguments` tells apart; of tensors that
    share memory the first has all of it. Ask the meter for its `measurement(results)` after the
    block. Threads other than this one are not seen, nor is what other libraries do to memory.
    """
    meter = Meter()
    for key, x in (arguments or {}).items():
        meter.name(key, x)
    with meter.running():
        yield meter
