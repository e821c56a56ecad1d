"""How far a law's expressions may move: they are evaluated on the oracle under roundoff."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import torch

from conform.draw.case import derive_seed
from conform.judge.criterion import spread
from conform.judge.roundoff import Roundoff, as_samples
from conform.judge.sampling import USUAL, Manner, wider
from conform.law.bounds import tensor
from conform.law.evaluate import Evaluator
from conform.run.material import Material
from conform.run.oracle_caller import OracleCaller
from conform.run.sides import ARITHMETIC, parts, rebound, sampled_gap
from conform.spec.book import Property

Tensor = torch.Tensor
SAMPLES = 17  # a prime, see judge.roundoff
_LOOPED: set[str] = set()


def _open(bound: Tensor) -> Tensor:
    """A bound that the samples could not give is infinite, and stays so."""
    return torch.where(torch.isnan(bound), torch.inf, bound)


class LawNoise:
    """A law's evaluations on the oracle under roundoff; `scale` is that of the rounding model."""

    def __init__(
        self,
        law: Property,
        material: Material,
        operators: frozenset[str],
        caller: Callable[[Roundoff, Tensor], OracleCaller],
        scale: float,
    ) -> None:
        self.law = law
        self.material = material
        self.operators = operators
        self.caller = caller
        self.scale = scale

    def gaps(
        self, left: ast.expr, right: ast.expr, exact: list[Tensor], *, steep: bool = False
    ) -> list[Tensor]:
        """Bounds on left - right, exactly `exact`; `steep`: rounded in every `wider` manner."""

        def sides(evaluator: Evaluator) -> tuple[Tensor, ...]:
            pairs = zip(parts(evaluator.value(left)), parts(evaluator.value(right)), strict=True)
            return tuple(sampled_gap(x, y) for x, y in pairs)

        samples = self.sampled(sides)
        for manner, widen in wider(self.scale) if steep else ():
            others = self.sampled(sides, manner=manner)
            samples = [widen(s, o, e) for s, o, e in zip(samples, others, exact, strict=True)]
        return [_open(spread(s, e, self.scale)) for s, e in zip(samples, exact, strict=True)]

    def sampled(
        self,
        function: Callable[[Evaluator], tuple[Tensor, ...]],
        names: dict[str, Any] | None = None,
        manner: Manner = USUAL,
    ) -> list[Tensor]:
        """`function` of the law's evaluator, evaluated under roundoff, [samples, ...] each."""
        names = names if names is not None else self.material.names
        seed = derive_seed(self.material.case.seed, self.law.id, self.material.dtype)
        generator = torch.Generator().manual_seed(seed % 2**63)
        grid = 1.0 + torch.rand(SAMPLES, generator=generator, dtype=torch.float64)
        if self.law.id not in _LOOPED:
            found = self._batched(function, names, grid, manner.noise(seed))
            if found is not None:
                return found
            _LOOPED.add(self.law.id)
        rows = []
        for i in range(SAMPLES):
            noise = manner.noise(derive_seed(seed, i))
            rows.append(self._noisy(function, names, grid[i], noise))
        return [torch.stack(column) for column in zip(*rows, strict=True)]

    def _noisy(
        self,
        function: Callable[[Evaluator], tuple[Tensor, ...]],
        names: dict[str, Any],
        c: Tensor,
        noise: Roundoff,
    ) -> tuple[Tensor, ...]:
        """Law arithmetic is float64: only operator calls carry roundoff (except in float64)."""
        caller = self.caller(noise, c)
        evaluator = Evaluator(names, self.law.lets, caller, self.operators, self.law.operator)
        noise.paused = self.material.dtype != "float64"
        with noise:
            return function(evaluator)

    def _batched(
        self,
        function: Callable[[Evaluator], tuple[Tensor, ...]],
        names: dict[str, Any],
        grid: Tensor,
        noise: Roundoff,
    ) -> list[Tensor] | None:
        own = {k: v for k, v in names.items() if isinstance(v, Tensor) and v.is_floating_point()}
        if not own:  # nothing differs by sample, though a table of as many rows looks so
            return None
        keys = list(own)
        noise.sample(len(grid), self.scale)
        with noise:
            noise.paused = True
            batched = [as_samples(own[k], len(grid)) for k in keys]
            c = grid.clone()
            c.conform_sampled = True  # type: ignore[attr-defined]

        def one(c: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
            inner = rebound(names, own, dict(zip(keys, values, strict=True)))
            return self._noisy(function, inner, c, noise)

        try:
            out = torch.vmap(one)(c, *batched)
        except (RuntimeError, ValueError, TypeError):
            return None
        return None if noise.shared_noise else list(out)

    def values(self, expression: ast.expr, base0: list[Tensor]) -> list[Tensor]:
        """Bounds on the values of an expression whose exact values are `base0`."""
        samples = self.sampled(
            lambda e: tuple(tensor(x).to(torch.float64) for x in parts(e.value(expression)))
        )
        return [
            _open(spread(s, b, self.scale)) + b.abs() * ARITHMETIC
            for s, b in zip(samples, base0, strict=True)
        ]
