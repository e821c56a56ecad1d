"""Float32 roundoff injected into a float64 evaluation, one aten operation at a time.

The oracle runs in float64; under `Roundoff` each operation's result is perturbed as float32 would
perturb it: elementwise operations by up to one unit roundoff, transcendental functions by four,
sums and matrix products by a random amount proportional to sum |terms| that grows with the root of
their length (sequential summation of positive terms, the worst common order). Stochastic arithmetic
in the sense of Parker (Monte Carlo arithmetic, 1997). It works through autograd and `torch.func`
since it sits below both.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from conform.judge.kinks import COMPARISONS, SIGNS, Kinks

U32 = 2.0**-24

_POOL_SIZE = 2**20 + 7
FUNCTION_ULPS = 4.0
# Results below the normal range of float32 come out as zero on many devices. Exponentials of vector
# code form half of a result first, as a power of two: they lose it an exponent earlier.
FLUSHED = 2 * 2.0**-126
# From here on equal terms, all rounded alike, add up to more than others. (Bounds cover five times
# as many, unless what is one sum to others is a sum of sums here.)
MANY_TERMS, MANY_PRODUCTS = 64, 640


@lru_cache(maxsize=1)
def _pool() -> torch.Tensor:
    """Uniform numbers in [-1, 1); slices at random offsets stand for fresh ones (cheap)."""
    generator = torch.Generator().manual_seed(20240601)
    return torch.rand(2 * _POOL_SIZE, generator=generator, dtype=torch.float64) * 2 - 1


_EXACT = frozenset(
    (
        "view reshape _unsafe_view expand unsqueeze squeeze permute transpose t select slice "
        "narrow alias detach clone copy contiguous _to_copy to lift_fresh lift_fresh_copy "
        "as_strided split split_with_sizes unbind chunk cat stack where masked_fill abs neg "
        "sign relu clamp clamp_min clamp_max maximum minimum amax amin max min argmax argmin "
        "sort topk gather index index_select scatter zeros zeros_like ones ones_like full "
        "full_like empty empty_like empty_strided new_zeros new_ones new_full new_empty "
        "new_empty_strided arange eye tril triu flip roll repeat constant_pad_nd floor ceil "
        "round eq ne lt le gt ge logical_and logical_or logical_not bitwise_and bitwise_or "
        "bitwise_not isnan isinf any all nonzero embedding diagonal movedim unfold fill zero_ "
        "fill_ copy_ slice_backward select_backward diagonal_backward scalar_tensor sgn item "
        "_local_scalar_dense is_same_size repeat_interleave cumprod pixel_shuffle index_put "
        "new_empty remainder fmod masked_select value_selecting_reduction_backward "
        "slice_scatter select_scatter linspace isfinite bitwise_left_shift bitwise_right_shift "
        "ravel flatten broadcast_tensors expand_as rot90 one_hot bincount searchsorted trunc "
        "unsqueeze_ squeeze_ detach_ resize_ set_ _reshape_alias diag_embed cummax logical_xor "
        "broadcast_to swapaxes conj real imag view_as_real view_as_complex zero _conj unflatten "
        "bucketize frexp ldexp deg2rad prod threshold threshold_backward tril_indices "
        "triu_indices rand randn randperm randint bernoulli "
    ).split()
)
_ROUND = frozenset(
    (
        "add sub rsub mul div sqrt reciprocal square true_divide addcmul addcdiv lerp exp exp2 "
        "log log2 log1p expm1 tanh sin cos tan erf erfc sigmoid rsqrt pow tanh_backward "
        "sigmoid_backward atan2 asin acos elu norm hypot logaddexp linalg_vector_norm std var "
        "var_mean log10 sinh cosh polar special_ndtr ndtri softplus _softmax "
    ).split()
)
_FUNCTION = frozenset(
    (
        "exp exp2 log log2 log1p expm1 tanh sin cos tan erf erfc sigmoid rsqrt pow "
        "tanh_backward sigmoid_backward atan2 asin acos elu norm hypot logaddexp "
        "linalg_vector_norm std var var_mean log10 sinh cosh polar special_ndtr ndtri softplus "
    ).split()
)
_PRODUCT = frozenset({"mm", "bmm", "mv", "dot"})
_SCATTER = frozenset("index_add scatter_add embedding_dense_backward index_put_accumulate".split())
_SUM = frozenset(("sum mean cumsum ").split())
_KINKED = COMPARISONS | SIGNS | {"relu", "threshold_backward", "amax", "eq"}


class UnknownOperation(RuntimeError):
    """The reference used an aten operation whose rounding is not known here."""


_KNOWN = _EXACT | _ROUND | _FUNCTION | _SUM


@lru_cache(maxsize=4096)
def _name(func: Any) -> str:
    name: str = func.overloadpacket.__name__
    return name.rstrip("_") if name.rstrip("_") in _KNOWN else name


class Roundoff(TorchDispatchMode):
    """While active, float64 results carry float32 roundoff; `scale` 0 only observes.

    `largest` is the largest number of elements seen in one tensor, for choosing sample counts. With
    `sampled` (their number, a prime), the evaluation is a `torch.vmap` over samples made by
    `as_samples`; then `shared_noise` tells that some operation did not depend on the sample.
    """

    def __init__(
        self,
        seed: int,
        scale: float = 1.0,
        *,
        strict: bool = False,
        apart: bool = False,
        together: bool = False,
    ) -> None:
        super().__init__()
        self.apart = apart
        self.together = together
        self.random = random.Random(seed)
        self.kinks = Kinks(seed)
        self._one = torch.ones((), dtype=torch.float64)
        self.scale = scale
        self.strict = strict
        self.largest = 0
        self.paused = False
        self.sampled = 0
        self.scattered = 0.0
        self.shared_noise = False

    def sample(self, count: int, scale: float) -> None:
        """Expect a batch of `count` samples, whose deviations are multiplied by the model's
        `scale` in the end; those under less roundoff are so much less, but at kinks."""
        self.sampled = count
        self.kinks.scale = scale / min(self.scale, 1.0)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # The wrapper that True asks for costs a quarter of every evaluation, and nothing compiles
        # here.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if self.paused:
            return out
        name = _name(func)
        if name in _KINKED and self.sampled and self.scale and self._by_sample(args):
            out = self._kinked(name, args, out)
        if isinstance(out, torch.Tensor) and out.dtype == torch.float64:
            self.largest = max(self.largest, out.numel())
            out = self._perturb(func, args, kwargs or {}, out)
        if self.sampled and self._by_sample(args):
            flag(out)
        return out

    def _kinked(self, name: str, args: Any, out: Any) -> Any:
        first = args[0]
        if not isinstance(first, torch.Tensor) or first.dtype != torch.float64:
            return out
        if out.ndim == 0 or out.shape[0] != self.sampled:
            return out
        self.paused = True
        try:
            return self.kinks.turned(name, args, out)
        finally:
            self.paused = False

    def _perturb(self, func: Any, args: Any, kwargs: Any, out: torch.Tensor) -> torch.Tensor:
        name = _name(func)
        if name in ("index_put", "_index_put_impl") and len(args) > 3 and args[3]:
            name = "index_put_accumulate"
        if name in _EXACT or not self.scale or out.numel() == 0:
            return out
        if self.sampled and not self._by_sample(args):
            # One perturbation would be shared by all samples: the caller must loop instead.
            self.shared_noise = True
            return out
        self.paused = True
        try:
            if name in _ROUND or name in _FUNCTION:
                return self._relative(name, args, out)
            size = self._size(name, args, kwargs, out)
            size = torch.nan_to_num(size, nan=0.0, posinf=0.0)
            noise = self._noise(out.shape)
            if name in _PRODUCT and out.ndim:
                # Equal columns (repeated keys) are summed alike: their errors are the same.
                alike = self._noise(torch.Size((*out.shape[:-1], 1)))
                noise = alike.expand(out.shape) if self.together else noise + alike
            return torch.addcmul(out, size, noise)
        finally:
            self.paused = False

    def _relative(self, name: str, args: Any, out: torch.Tensor) -> torch.Tensor:
        """Elementwise operations: a relative perturbation; infinities stay what they are."""
        unit = U32 * self.scale
        if name in ("mul", "div") and _power_of_two(args[1]):
            return out
        noise = self._noise(out.shape)
        if name == "_softmax":
            # exp(x - max): the rounding of the difference is multiplied by its own size. The sum
            # of a row is off for all of it.
            top = args[0].amax(args[1], keepdim=True)
            depth = (top - args[0]).nan_to_num(posinf=0.0)
            total = self._noise(top.shape) * (unit * _growth(out.shape[args[1]]))
            size = torch.where(depth > -math.log(FLUSHED), self.scale, 2 * FUNCTION_ULPS * unit)
            return out * (1.0 + noise * (size + unit * depth) + total)
        if name == "pow" and not isinstance(args[1], torch.Tensor) and args[1] == 2:
            return out * torch.add(self._one, noise, alpha=unit)
        if name == "pow":
            # exp(e log b): the rounding of e log b is multiplied by its own size.
            factor = FUNCTION_ULPS + 2 * _log_size(args[0], args[1])
            return out * (1.0 + noise * (unit * factor))
        if name in _FUNCTION:
            size = torch.where(out.abs() < FLUSHED, self.scale, unit * FUNCTION_ULPS)
            return out * torch.addcmul(self._one, noise, size)
        return out * torch.add(self._one, noise, alpha=unit)

    def _size(self, name: str, args: Any, kwargs: Any, out: torch.Tensor) -> torch.Tensor:
        """Amplitude of the (uniform) perturbation of each element."""
        unit = U32 * self.scale
        if name in _SUM:
            terms, count = args[0].abs(), max(args[0].numel() // max(out.numel(), 1), 1)
            if name == "cumsum":
                count = args[0].shape[args[1]]
                return terms.cumsum(args[1]) * (unit * _growth(count))
            total = terms.sum() if out.ndim == 0 else _like_call(name, terms, args, kwargs)
            total = total * (unit * _growth(count))
            if count > MANY_TERMS:
                dims = args[1] if out.ndim and len(args) > 1 else ()
                total = _of_repeated_terms(total, terms, dims, count)
            return total
        if name in _PRODUCT:
            count = args[0].shape[-1]
            rows, columns = args[0].abs(), args[1].abs()
            total = _PRODUCT_CALLS[name](rows, columns) * (unit * _growth(count))
            if count > MANY_PRODUCTS:
                matrix = columns.ndim > 1
                alike = _alike(rows, -1, matrix, count)
                alike = alike & _alike(columns, -2 if matrix else -1, matrix, count)
                total = torch.where(alike, total * (count / 8 / _growth(count)), total)
            return total
        if name in _SCATTER:
            # Terms are added one by one, in float32 or (`scattered`) in the stored dtype.
            size = max(unit, self.scattered * self.scale)
            return _scatter_of_sizes(name, args, out) * _scatter_growth(name, args, out) * size
        if self.strict:
            raise UnknownOperation(
                f"aten operation {name!r} has no rounding rule in judge/roundoff.py"
            )
        return out.abs() * unit * 2 * FUNCTION_ULPS

    def _by_sample(self, args: Any) -> bool:
        return _any_sampled(args, self.sampled)

    def _noise(self, shape: torch.Size) -> torch.Tensor:
        pool, count = _pool(), shape.numel()
        start = self.random.randrange(_POOL_SIZE)
        if count <= _POOL_SIZE:
            return pool[start : start + count].view(shape)
        repeats = -(-count // _POOL_SIZE)
        return pool[start : start + _POOL_SIZE].repeat(repeats)[:count].view(shape)


def _like_call(name: str, terms: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    function: Callable[..., torch.Tensor] = torch.sum if name == "sum" else torch.mean
    return function(terms, *args[1:], **{k: v for k, v in kwargs.items() if k in ("keepdim",)})


_PRODUCT_CALLS: dict[str, Callable[..., torch.Tensor]] = {
    "mm": torch.mm, "bmm": torch.bmm, "mv": torch.mv, "dot": torch.dot,
}  # fmt: skip


def _scattered(name: str, args: Any, into: torch.Tensor, terms: torch.Tensor) -> torch.Tensor:
    """What the operation gives when it adds `terms` to `into`."""
    if name == "index_put_accumulate":
        return torch.ops.aten.index_put(into, args[1], terms, True)
    return getattr(into, name)(*args[1:3], terms)


def _scatter_of_sizes(name: str, args: Any, out: torch.Tensor) -> torch.Tensor:
    """Sum of |terms| at each place that a scattered sum reaches."""
    if name == "embedding_dense_backward":
        return torch.ops.aten.embedding_dense_backward(args[0].abs(), *args[1:])
    return _scattered(name, args, args[0].abs(), _terms(name, args).abs())


def _scatter_growth(name: str, args: Any, out: torch.Tensor) -> torch.Tensor:
    """As `_growth` at each place, for the terms that reach it, all in one lane: equal ones, too.

    What a single term reaches is that term.
    """
    if name == "embedding_dense_backward":
        count = torch.ops.aten.embedding_dense_backward(torch.ones_like(args[0]), *args[1:])
    else:
        started = (args[0] != 0).to(out.dtype)
        count = _scattered(name, args, started, torch.ones_like(_terms(name, args)))
    return torch.where(count > 1, 2.0 + torch.maximum(0.8 * count.sqrt(), count / 8), 0.0)


def _terms(name: str, args: Any) -> torch.Tensor:
    terms: torch.Tensor = args[2] if name == "index_put_accumulate" else args[3]
    return terms


def _growth(count: int) -> float:
    """Amplitude, in unit roundoffs of sum |terms|, of a float32 sum in any order.

    Equal terms are rounded alike: added up in 4 lanes they are off by up to count / 8, and a
    bound is five times the amplitude.
    """
    return 2.0 + max(0.8 * float(count) ** 0.5, count / 32) if count > 1 else 1.0


def _of_repeated_terms(
    size: torch.Tensor, terms: torch.Tensor, dims: Any, count: int
) -> torch.Tensor:
    """Where all terms are equal every sum is off, by count / 8 on average in one lane.

    So it is where they repeat along some of the dims, as those of an expanded tensor do: what is
    repeated is rounded alike, each of the different terms in its own way.
    """
    dims = dims if isinstance(dims, (tuple, list)) else (dims,)
    dims = tuple(dim % terms.ndim for dim in dims) or tuple(range(terms.ndim))
    repeats = torch.ones_like(size)
    for dim in dims:
        same = _alike(terms, dim, True, count)
        for other in set(dims) - {dim}:
            same = same.all(other, keepdim=True)
        repeats = torch.where(same.reshape(size.shape), repeats * terms.shape[dim], repeats)
    drift = (count * repeats).sqrt() / (8 * _growth(count))
    return torch.where(repeats > 1, size * drift.clamp_min(1.0), size)


def _alike(sizes: torch.Tensor, dim: int, keepdim: bool, count: int) -> torch.Tensor:
    """Whether what is not zero along `dim` differs by less than the spacing of `count` in all."""
    largest = sizes.amax(dim, keepdim=keepdim)
    smallest = torch.where(sizes > 0, sizes, torch.inf).amin(dim, keepdim=keepdim)
    return largest - smallest <= largest * (count * U32)


def _power_of_two(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return False
    value = abs(float(value))
    return value > 0 and float(torch.frexp(torch.tensor(value))[0]) == 0.5


def _log_size(base: Any, exponent: Any) -> Any:
    base = torch.as_tensor(base, dtype=torch.float64).abs().clamp_min(1e-300)
    return (torch.as_tensor(exponent, dtype=torch.float64) * base.log()).abs()


def flag(out: Any) -> None:
    """Mark tensors as differing by sample."""
    for item in out if isinstance(out, (tuple, list)) else (out,):
        if isinstance(item, torch.Tensor):
            item.conform_sampled = True  # type: ignore[attr-defined]


def _any_sampled(args: Any, count: int) -> bool:
    for item in args:
        if isinstance(item, torch.Tensor):
            # Autograd's saved tensors lose the flag, but keep the samples as their first dim.
            first = item.shape[0] if item.ndim else 0
            if getattr(item, "conform_sampled", False) or (first and first % count == 0):
                return True
        elif isinstance(item, (tuple, list)) and _any_sampled(item, count):
            return True
    return False


def as_samples(x: torch.Tensor, count: int) -> torch.Tensor:
    """`x` repeated along a new first dim (no copy), known to `Roundoff` as differing by sample."""
    out = x.unsqueeze(0).expand(count, *x.shape)
    flag(out)
    return out
