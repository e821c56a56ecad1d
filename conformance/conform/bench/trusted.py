"""Results that timed outputs are held against: float32, in blocks of rows, with a bound each.

The bounds are for results in bfloat16 or float16 of large random inputs, where every rounding is
one of many; whether a kernel rounds as it may is what `conform run` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from conform.bench.timing import Expected, Inputs

ROWS = 256  # queries at a time
_SIGMAS = 8.0
_FLOAT32 = 2.0**-18  # what sums in float32 may lose, of the largest value


def near(value: torch.Tensor, eps: float, own: float = 2.0, around: float = 1.0) -> Expected:
    """Within `own` roundings of an element's size and `around` of its row's root mean square."""
    value = value.float()
    rms = value.square().mean(-1, keepdim=True).sqrt() if value.dim() else value.abs()
    return Expected(value, own * eps * value.abs() + around * eps * rms)


def by_reference(
    function: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]],
    arguments: Sequence[str],
    wrt: Sequence[str] = (),
    *,
    own: float = 2.0,
    around: float = 1.0,
) -> Callable[[Inputs], tuple[Expected, ...]]:
    """The oracle on the inputs in float32: its results, or its gradients of `wrt` for "up"."""

    def trusted(inputs: Inputs) -> tuple[Expected, ...]:
        wide = {n: t.float() if t.is_floating_point() else t for n, t in inputs.items()}
        eps = max(torch.finfo(t.dtype).eps for t in inputs.values() if t.is_floating_point())
        leaves = [wide[name].requires_grad_() for name in wrt]
        with torch.set_grad_enabled(bool(wrt)):
            found = function(*(wide[name] for name in arguments))
        results = found if isinstance(found, tuple) else (found,)
        if wrt:
            results = torch.autograd.grad([results[0]], leaves, [wide["up"]])
        return tuple(near(result, eps, own, around) for result in results)

    return trusted


def _blocks(q: torch.Tensor, k: torch.Tensor, row: int, causal: bool) -> tuple[slice, torch.Tensor]:
    """(which queries, their probabilities [K, G, rows, Lk]) of one batch element's heads."""
    rows = slice(row, min(row + ROWS, q.shape[2]))
    scores = q[:, :, rows] @ k.transpose(-1, -2)[:, None] / q.shape[-1] ** 0.5
    if causal:
        shift = k.shape[1] - q.shape[2]
        i = torch.arange(rows.start, rows.stop, device=q.device)[:, None]
        hidden = torch.arange(k.shape[1], device=q.device)[None, :] > i + shift
        scores = scores.masked_fill_(hidden, float("-inf"))
    return rows, torch.softmax(scores, -1)


def _heads(x: torch.Tensor, groups: int) -> torch.Tensor:
    """One batch element [H, L, D] as float32 [K, G, L, D]."""
    return x.float().reshape(groups, -1, *x.shape[1:])


def attention(inputs: Inputs, causal: bool) -> tuple[Expected]:
    """o, allowing each probability one rounding: eight sigmas of p v, and o's own."""
    q, k, v = (inputs[name] for name in ("q", "k", "v"))
    eps = torch.finfo(q.dtype).eps
    o = torch.empty(*q.shape[:3], v.shape[3], device=q.device)
    bound = torch.empty_like(o)
    for b in range(q.shape[0]):
        queries, keys, values = _heads(q[b], k.shape[1]), k[b].float(), v[b].float()
        out, limit = (_heads_view(x[b], k.shape[1]) for x in (o, bound))
        for row in range(0, q.shape[2], ROWS):
            rows, p = _blocks(queries, keys, row, causal)
            out[:, :, rows] = p @ values[:, None]
            limit[:, :, rows] = (p.square() @ values.square()[:, None]).sqrt_().mul_(_SIGMAS * eps)
    bound += eps * o.abs() + _FLOAT32 * float(v.abs().max())
    return (Expected(o, bound),)


def _heads_view(x: torch.Tensor, groups: int) -> torch.Tensor:
    return x.view(groups, -1, *x.shape[1:])


def attention_gradients(inputs: Inputs, causal: bool) -> tuple[Expected, ...]:
    """dq, dk, dv, allowing p, dp and the rounded o within Delta one rounding each."""
    q, k, v, up = (inputs[name] for name in ("q", "k", "v", "up"))
    eps, scale, groups = torch.finfo(q.dtype).eps, q.shape[3] ** -0.5, k.shape[1]
    shapes = (q.shape, k.shape, v.shape)
    found = [torch.zeros(shape, device=q.device) for shape in shapes]
    spread = [torch.zeros(shape, device=q.device) for shape in shapes]
    for b in range(q.shape[0]):
        queries, grads = _heads(q[b], groups), _heads(up[b], groups)
        keys, values = k[b].float(), v[b].float()
        dq, sq = (_heads_view(x[0][b], groups) for x in (found, spread))
        for row in range(0, q.shape[2], ROWS):
            rows, p = _blocks(queries, keys, row, causal)
            do, mine = grads[:, :, rows], queries[:, :, rows]
            dp = do @ values.transpose(-1, -2)[:, None]
            o = p @ values[:, None]
            delta = (do * o).sum(-1, keepdim=True)
            lost = (do * o).square().sum(-1, keepdim=True)
            ds = p * (dp - delta)
            noise = p.square() * (dp.square() + delta.square() + lost)
            dq[:, :, rows] = ds @ keys[:, None] * scale
            # Delta's error is the same for all keys of a row: it does not average out.
            common = lost.sqrt() * (p @ keys[:, None]).abs()
            sq[:, :, rows] = (noise @ keys.square()[:, None] + common.square()) * scale**2
            found[1][b] += (ds.transpose(-1, -2) @ mine).sum(1) * scale
            spread[1][b] += (noise.transpose(-1, -2) @ mine.square()).sum(1) * scale**2
            found[2][b] += (p.transpose(-1, -2) @ do).sum(1)
            spread[2][b] += (p.square().transpose(-1, -2) @ do.square()).sum(1)
    return tuple(
        Expected(x, eps * x.abs() + _SIGMAS * eps * s.sqrt() + _FLOAT32 * float(x.abs().max()))
        for x, s in zip(found, spread, strict=True)
    )
