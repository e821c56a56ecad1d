"""How laws call the reference: exactly, or under roundoff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from conform.judge.gradients import gradient_of
from conform.judge.model import Model, grid_of, rounded_on_scaled_grid, rounding
from conform.judge.roundoff import Roundoff
from conform.judge.sampling import as_tuple
from conform.law.grammar import LawError
from conform.run.callers import METERED, Oracles, plain
from conform.run.calls import TargetCalls, overflows
from conform.run.oracle import Oracle

Tensor = torch.Tensor


class OracleCaller:
    """Calls go to the oracle, exactly or under roundoff (`noise`), on inputs cast to the dtype."""

    def __init__(
        self,
        oracles: Oracles,
        dtype: str,
        model_of: Callable[[str], Model],
        calls: TargetCalls,
        noise: Roundoff | None = None,
        grid: Tensor | None = None,
    ) -> None:
        self.oracles = oracles
        self.dtype = dtype
        self.model_of = model_of
        self.calls = calls
        self.full = calls.full_options
        self.noise = noise
        self.grid = grid
        self.made = 0
        self.current = ""
        self.overflowed = False  # whether an argument left the dtype's range by being cast to it

    def call(self, operator: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """The oracle's result; under roundoff finally rounded on the scaled grid."""
        oracle = self.oracles(operator)
        self.current = operator
        if self.noise is None:
            return self._exact(oracle, args, options)
        options = self.full(operator, options)
        before, self.noise.paused = self.noise.paused, True
        try:
            given, passed = oracle.given(args, options, self.dtype)
            with rounding(self.model_of(operator), self._grid(), self.noise):
                self.noise.paused = False
                results = oracle.function(*given, **passed)
                self.noise.paused = True
            return self._stored(operator, results)
        finally:
            self.noise.paused = before

    def _exact(self, oracle: Oracle, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """From the judged calls where they have it."""
        self._look_at(args)
        inner = any(
            isinstance(x, Tensor)
            and (x.requires_grad or torch._C._functorch.is_functorch_wrapped_tensor(x))
            for x in (*args, *options.values())
        )
        full = self.full(oracle.name, options)
        if inner:
            return plain(oracle(args, full, self.dtype))
        key = self.calls.exact_key(oracle.name, args, options)
        if key not in self.calls.exact:
            self.calls.exact[key] = as_tuple(oracle(args, full, self.dtype))
        outputs = self.calls.exact[key]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _look_at(self, args: tuple[Any, ...]) -> None:
        self.overflowed = self.overflowed or any(overflows(x, self.dtype) for x in args)

    def _grid(self) -> Tensor:
        """A grid of its own for every rounding of a call: equal values may round apart."""
        self.made += 1
        if self.grid is None:
            raise RuntimeError("an oracle under roundoff needs a grid")
        return 1.0 + torch.remainder(self.grid + 0.618 * self.made, 1)

    def _stored(self, operator: str, results: Any) -> Any:
        storage = self.model_of(operator).storage
        grid, noise = self._grid(), self.noise

        def store(x: Any) -> Any:
            if not isinstance(x, Tensor) or not x.is_floating_point():
                return x
            own = x.detach()
            if noise is not None and noise.apart:
                lost = rounded_on_scaled_grid(own, grid_of(own, grid, noise), storage) - own
                return x + lost * noise.scale
            rounded = rounded_on_scaled_grid(own, grid, storage)
            return x + (rounded - own) if x.requires_grad else rounded

        return tuple(map(store, results)) if isinstance(results, (tuple, list)) else store(results)

    def oracle(self, operator: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The oracle without roundoff."""
        options = self.calls.oracle_options(operator, options)
        if self.noise is None:
            self._look_at(args)
            return plain(self.oracles(operator)(args, options, self.dtype))
        before, self.noise.paused = self.noise.paused, True
        try:
            return plain(self.oracles(operator)(args, options, self.dtype))
        finally:
            self.noise.paused = before

    def effect(self, name: str) -> Any:
        """Nothing is observed on the oracle."""
        return self.observed_call(name, lambda: None)

    def observed_call(self, name: str, evaluate: Callable[[], Any]) -> Any:
        """What a faultless implementation would show."""
        if name in METERED:
            raise LawError("nothing is metered on the reference: measures are the target's alone")
        if name in ("mutated", "margins_written", "state_changed", "random_drawn"):
            return 0
        return self.dtype if name == "dtype" else True

    def pulled_back(self, evaluate: Callable[[], Any]) -> Any:
        """Only calls of the target are pulled back whole, to be observed or metered."""
        raise LawError("backward(call) is the target's alone; write grad(...) or vjp(...)")

    def gradient(
        self, function: Callable[..., Any], at: tuple[Tensor, ...], cotangent: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Under roundoff by torch.func, which works inside vmap; stored in the dtype, too."""
        if self.noise is None:
            return gradient_of(function, at, cotangent)
        out, pull, *_ = torch.func.vjp(function, *at)
        weight = torch.ones_like(out) if cotangent is None else cotangent.to(out.dtype)
        before, self.noise.paused = self.noise.paused, False
        try:
            found = pull(weight)
        finally:
            self.noise.paused = before
        return tuple(self._stored(self.current, g) for g in found)
