"""Wrong attentions: tiled kernels with one thing gone astray, and masks applied at a wrong place.

Each public function has the signature of `attention` and one mistake that really shipped somewhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from conform_reference import _attend
from conform_reference._check import compute_dtype

TILE = 16
Step = Callable[[Tensor], Tensor]


def _keep(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class Kernel:
    """A tiled kernel; every field's default is right."""

    rescale: bool = True
    first_maximum: float = -math.inf
    running_maximum: bool = True
    pad_keys: bool = False
    drop_tail: bool = False
    on_probabilities: Step = _keep
    on_accumulator: Step = _keep
    on_total: Step = _keep
    dtype: torch.dtype | None = None


def scores_and_visibility(
    q: Tensor, k: Tensor, dtype: torch.dtype, causal: bool = False, window: int | None = None,
    mask: Tensor | None = None, bias: Tensor | None = None, scale: float | None = None,
    softcap: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The right scores [B,H,Lq,Lk] and what is visible of them."""
    visible = _attend.visible_keys(q, k, causal, window, mask)
    keys = _attend.expand_heads(k, q.shape[1]).to(dtype)
    return _attend.logits(q.to(dtype), keys, bias=bias, scale=scale, softcap=softcap), visible


def run(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any]) -> Tensor:
    """Online softmax over tiles of `TILE` keys, with the kernel's mistakes."""
    dtype = kernel.dtype or compute_dtype(q, k, v)
    given = {name: value for name, value in options.items() if name != "sinks"}
    scores, visible = scores_and_visibility(q, k, dtype, **given)
    values = _attend.expand_heads(v, q.shape[1]).to(dtype)
    scores = torch.where(visible, scores, -math.inf)
    Lk = scores.shape[-1]
    if kernel.drop_tail and Lk > TILE:
        scores, values = scores[..., : Lk - Lk % TILE], values[..., : Lk - Lk % TILE, :]
    if kernel.pad_keys and Lk % TILE:
        padding = TILE - Lk % TILE
        scores = torch.nn.functional.pad(scores, (0, padding))
        values = torch.nn.functional.pad(values, (0, 0, 0, padding))
    o = scores.new_zeros(*scores.shape[:-1], values.shape[-1])
    total = scores.new_zeros(*scores.shape[:-1], 1)
    m = torch.full_like(total, kernel.first_maximum)
    if options.get("sinks") is not None:
        m = options["sinks"].to(dtype).reshape(1, -1, 1, 1).expand_as(total)
        total = torch.ones_like(total)
    for j in range(0, scores.shape[-1], TILE):
        tile, value = scores[..., j : j + TILE], values[..., j : j + TILE, :]
        new = torch.maximum(m, tile.amax(-1, keepdim=True)) if kernel.running_maximum else m
        reference = torch.where(torch.isneginf(new), 0.0, new)
        e = torch.exp(tile - reference)
        factor = torch.exp(m - reference)
        total = kernel.on_total(total * factor + e.sum(-1, keepdim=True))
        added = kernel.on_probabilities(e) @ value
        o = kernel.on_accumulator((o * factor if kernel.rescale else o) + added)
        m = new
    return torch.where(total == 0, 0.0, o / torch.where(total == 0, 1.0, total)).to(q.dtype)


def _rounder(dtype: torch.dtype) -> Step:
    return lambda x: x.to(dtype).to(x.dtype)


def _truncate(dtype: torch.dtype) -> Step:
    """Round towards zero to `dtype` (positive numbers)."""

    def step(x: Tensor) -> Tensor:
        y = x.to(dtype).to(x.dtype)
        return torch.where(y > x, torch.nextafter(x.to(dtype), x.to(dtype) * 0).to(x.dtype), y)

    return step


def no_rescale(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """The accumulator is not rescaled when a later tile raises the maximum; the sum is."""
    return run(Kernel(rescale=False), q, k, v, options)


def half_accumulator(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """The accumulator is held in half precision (the input's, bfloat16 for wider inputs)."""
    half = q.dtype if q.dtype in (torch.float16, torch.bfloat16) else torch.bfloat16
    return run(Kernel(on_accumulator=_rounder(half)), q, k, v, options)


def half_denominator(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """The sum of exponentials is held in half precision."""
    half = q.dtype if q.dtype in (torch.float16, torch.bfloat16) else torch.bfloat16
    return run(Kernel(on_total=_rounder(half)), q, k, v, options)


def truncated_probabilities(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Probabilities are cut off instead of rounded when they are cast for the second product."""
    half = q.dtype if q.dtype in (torch.float16, torch.bfloat16) else torch.bfloat16
    return run(Kernel(on_probabilities=_truncate(half)), q, k, v, options)


def no_max_subtraction(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """exp of the plain score in float32: overflows beyond 88, underflows below -103."""
    kernel = Kernel(first_maximum=0.0, running_maximum=False, dtype=torch.float32)
    options = {**options, "sinks": None} if options.get("sinks") is not None else options
    return run(kernel, q, k, v, options)


def maximum_starts_at_zero(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """m = 0 instead of -inf: a row whose scores all lie far below 0 underflows to 0 / 0."""
    return run(Kernel(first_maximum=0.0, dtype=torch.float32), q, k, v, options)


def padding_counted(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """The last tile is padded with zero keys whose score 0 enters the denominator."""
    return run(Kernel(pad_keys=True), q, k, v, options)


def tail_dropped(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Keys behind the last full tile are left out."""
    return run(Kernel(drop_tail=True), q, k, v, options)


def causal_by_tile(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, mask: Tensor | None = None,
    **options: Any,
) -> Tensor:  # fmt: skip
    """Only whole tiles are skipped: inside the diagonal tile later keys stay visible."""
    if causal:
        Lq, Lk = q.shape[2], k.shape[2]
        last = (torch.arange(Lq) + Lk - Lq).clamp(min=-1)
        edge = torch.where(last >= 0, (last // TILE + 1) * TILE, 0)
        tiles = torch.arange(Lk) < edge.unsqueeze(1)
        mask = tiles if mask is None else mask & tiles
    return run(Kernel(), q, k, v, {**options, "mask": mask})


def mask_after_softmax(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Weights of hidden keys are set to zero after the softmax, and not renormalised."""
    return _masked_late(q, k, v, options, lambda scores, visible: (scores, visible))


def mask_multiplies_scores(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Scores of hidden keys become 0 instead of -inf, so that such keys keep weight."""

    def multiply(scores: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        return scores * visible, torch.ones_like(visible)

    return _masked_late(q, k, v, options, multiply)


def small_fill(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Hidden scores are filled with -100: too little where the visible scores lie below."""

    def fill(scores: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        some = visible.any(-1, keepdim=True)
        return torch.where(visible, scores, -100.0), some.expand_as(visible)

    return _masked_late(q, k, v, options, fill)


def _masked_late(
    q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any],
    change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
) -> Tensor:  # fmt: skip
    given = {name: value for name, value in options.items() if name != "sinks"}
    dtype = compute_dtype(q, k, v)
    scores, visible = scores_and_visibility(q, k, dtype, **given)
    scores, kept = change(scores, visible)
    partial = _attend.exponentiate(scores, torch.ones_like(visible), options.get("sinks"))
    weights = torch.where(kept, partial.exponentials / partial.total, 0.0)
    return (weights @ _attend.expand_heads(v, q.shape[1]).to(dtype)).to(q.dtype)


def stale_last_row(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """With an odd number of queries the last row repeats the one before it."""
    o = run(Kernel(), q, k, v, options)
    if q.shape[2] % 2 and q.shape[2] > 1:
        return torch.cat([o[:, :, :-1], o[:, :, -2:-1]], 2)
    return o


def cap_after_bias(
    q: Tensor, k: Tensor, v: Tensor, *, softcap: float | None = None, bias: Tensor | None = None,
    **options: Any,
) -> Tensor:  # fmt: skip
    """The soft cap squeezes the score with its bias, instead of the score alone."""
    dtype = compute_dtype(q, k, v)
    given = {name: value for name, value in options.items() if name != "sinks"}
    scores, visible = scores_and_visibility(q, k, dtype, bias=bias, **given)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    partial = _attend.exponentiate(scores, visible, options.get("sinks"))
    numerator = partial.exponentials @ _attend.expand_heads(v, q.shape[1]).to(dtype)
    return torch.where(
        partial.total > 0, numerator / torch.where(partial.total > 0, partial.total, 1.0), 0.0
    ).to(q.dtype)


def wrong_delta(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Right result, wrong gradient: dS = P * dP, without the row sum of dP * P."""
    dtype = compute_dtype(q, k, v)
    given = {name: value for name, value in options.items() if name != "sinks"}
    scores, visible = scores_and_visibility(q, k, dtype, **given)
    partial = _attend.exponentiate(scores, visible, options.get("sinks"))
    total = partial.total.detach()
    numerator = partial.exponentials @ _attend.expand_heads(v, q.shape[1]).to(dtype)
    return torch.where(total > 0, numerator / torch.where(total > 0, total, 1.0), 0.0).to(q.dtype)
