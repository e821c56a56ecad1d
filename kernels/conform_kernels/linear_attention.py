"""Linear attention with feature map elu(x) + 1, chunk by chunk, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats
from conform_kernels._config import LARGEST_STATE, chunk_tile, padded_head
from conform_kernels._scores import load_tile

__all__ = ["linear_attention"]


@triton.jit
def _features(x, rows, length, D: tl.constexpr, BD: tl.constexpr):
    """phi(x) = x + 1 for x > 0, exp(x) otherwise; zero outside the tile's rows and features."""
    inside = (rows < length)[:, None] & (tl.arange(0, BD) < D)[None, :]
    phi = tl.where(x > 0, x + 1.0, tl.exp(tl.minimum(x, 0.0)))
    return tl.where(inside, phi, 0.0)


@triton.jit
def _slope(x):
    """phi'(x)."""
    return tl.where(x > 0, 1.0, tl.exp(tl.minimum(x, 0.0)))


@triton.jit
def _load(x, rows, length, strides, D: tl.constexpr, BD: tl.constexpr):
    """A tile of one head as float32, zero outside."""
    pair = (strides[2], strides[3])
    return load_tile(x, rows, tl.arange(0, BD), length, pair, D, True, BD).to(tl.float32)


@triton.jit
def _bases(x, strides, heads):
    """Where this program's head begins in a tensor of given strides."""
    head = tl.program_id(0).to(tl.int64)
    return x + head // heads * strides[0] + head % heads * strides[1]


@triton.jit
def _forward(
    q, k, v, o, den, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """o and the denominators of one head. The state sum phi(k) v^T stays in registers.

    Causal: within a chunk by products, before it by the state. Otherwise the state of all keys
    comes first. o and den are contiguous; strides = those of q, k, v.
    """
    q, k, v = (
        _bases(q, strides[0], heads),
        _bases(k, strides[1], heads),
        _bases(v, strides[2], heads),
    )
    head = tl.program_id(0).to(tl.int64) * length
    place = tl.arange(0, CHUNK)
    e = tl.arange(0, BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            j = start + place.to(tl.int64)
            phi_k = _features(_load(k, j, length, strides[1], D, BD), j, length, D, BD)
            values = _load(v, j, length, strides[2], DV, BDV)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
    for start in range(0, length, CHUNK):
        i = start + place.to(tl.int64)
        phi_q = _features(_load(q, i, length, strides[0], D, BD), i, length, D, BD)
        top = tl.dot(phi_q, state, input_precision=PRECISION)
        bottom = tl.sum(phi_q * mass, 1)
        if CAUSAL:
            phi_k = _features(_load(k, i, length, strides[1], D, BD), i, length, D, BD)
            values = _load(v, i, length, strides[2], DV, BDV)
            weights = tl.dot(phi_q, tl.trans(phi_k), input_precision=PRECISION)
            weights = tl.where(place[:, None] >= place[None, :], weights, 0.0)
            top = tl.dot(weights, values, top, input_precision=PRECISION)
            bottom += tl.sum(weights, 1)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
        alive = i < length
        bottom = tl.where(alive, bottom, 1.0)
        tl.store(den + head + i, bottom, mask=alive)
        where = o + (head + i)[:, None] * DV + e[None, :]
        tl.store(where, top / bottom[:, None], mask=alive[:, None] & (e < DV)[None, :])


@triton.jit
def _up(do, o, den, i, head, length, strides, DV: tl.constexpr, BDV: tl.constexpr):
    """Gradients of a chunk's numerators [C, Dv] and denominators [C]."""
    alive = i < length
    e = tl.arange(0, BDV)
    grads = _load(do, i, length, strides, DV, BDV)
    bottom = tl.load(den + head + i, mask=alive, other=1.0)
    keep = alive[:, None] & (e < DV)[None, :]
    out = tl.load(o + (head + i)[:, None] * DV + e[None, :], mask=keep, other=0.0).to(tl.float32)
    return grads / bottom[:, None], -tl.sum(grads * out, 1) / bottom


@triton.jit
def _backward_queries(
    q, k, v, o, den, do, dq, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dq of one head, walking as forward does: dphi(q_i) = S_i g_i + h_i z_i."""
    q, k, v = (
        _bases(q, strides[0], heads),
        _bases(k, strides[1], heads),
        _bases(v, strides[2], heads),
    )
    do = _bases(do, strides[3], heads)
    head = tl.program_id(0).to(tl.int64) * length
    place = tl.arange(0, CHUNK)
    d = tl.arange(0, BD)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            j = start + place.to(tl.int64)
            phi_k = _features(_load(k, j, length, strides[1], D, BD), j, length, D, BD)
            values = _load(v, j, length, strides[2], DV, BDV)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
    for start in range(0, length, CHUNK):
        i = start + place.to(tl.int64)
        queries = _load(q, i, length, strides[0], D, BD)
        g, h = _up(do, o, den, i, head, length, strides[3], DV, BDV)
        grad = tl.dot(g, tl.trans(state), input_precision=PRECISION) + h[:, None] * mass
        if CAUSAL:
            phi_k = _features(_load(k, i, length, strides[1], D, BD), i, length, D, BD)
            values = _load(v, i, length, strides[2], DV, BDV)
            dw = tl.dot(g, tl.trans(values), input_precision=PRECISION) + h[:, None]
            dw = tl.where(place[:, None] >= place[None, :], dw, 0.0)
            grad = tl.dot(dw, phi_k, grad, input_precision=PRECISION)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
        keep = (i < length)[:, None] & (d < D)[None, :]
        tl.store(dq + (head + i)[:, None] * D + d[None, :], grad * _slope(queries), mask=keep)


@triton.jit
def _backward_keys(
    q, k, v, o, den, do, dk, dv, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dk and dv of one head from the last chunk to the first, with the state sum phi(q) g^T."""
    q, k, v = (
        _bases(q, strides[0], heads),
        _bases(k, strides[1], heads),
        _bases(v, strides[2], heads),
    )
    do = _bases(do, strides[3], heads)
    head = tl.program_id(0).to(tl.int64) * length
    place = tl.arange(0, CHUNK)
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    chunks = tl.cdiv(length, CHUNK)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            i = start + place.to(tl.int64)
            phi_q = _features(_load(q, i, length, strides[0], D, BD), i, length, D, BD)
            g, h = _up(do, o, den, i, head, length, strides[3], DV, BDV)
            state = tl.dot(tl.trans(phi_q), g, state, input_precision=PRECISION)
            mass += tl.sum(phi_q * h[:, None], 0)[None, :]
    for back in range(chunks):
        j = (chunks - 1 - back) * CHUNK + place.to(tl.int64)
        keys = _load(k, j, length, strides[1], D, BD)
        phi_k = _features(keys, j, length, D, BD)
        values = _load(v, j, length, strides[2], DV, BDV)
        grad_k = tl.dot(values, tl.trans(state), input_precision=PRECISION) + mass
        grad_v = tl.dot(phi_k, state, input_precision=PRECISION)
        if CAUSAL:
            phi_q = _features(_load(q, j, length, strides[0], D, BD), j, length, D, BD)
            g, h = _up(do, o, den, j, head, length, strides[3], DV, BDV)
            later = place[None, :] >= place[:, None]
            dw = tl.dot(values, tl.trans(g), input_precision=PRECISION) + h[None, :]
            grad_k = tl.dot(tl.where(later, dw, 0.0), phi_q, grad_k, input_precision=PRECISION)
            weights = tl.dot(phi_k, tl.trans(phi_q), input_precision=PRECISION)
            grad_v = tl.dot(tl.where(later, weights, 0.0), g, grad_v, input_precision=PRECISION)
            state = tl.dot(tl.trans(phi_q), g, state, input_precision=PRECISION)
            mass += tl.sum(phi_q * h[:, None], 0)[None, :]
        row = (head + j)[:, None]
        alive = (j < length)[:, None]
        tl.store(dk + row * D + d[None, :], grad_k * _slope(keys), mask=alive & (d < D)[None, :])
        tl.store(dv + row * DV + e[None, :], grad_v, mask=alive & (e < DV)[None, :])


def _constants(q: Tensor, v: Tensor, causal: bool) -> dict[str, int | bool | str]:
    tile, size, value = chunk_tile(), q.shape[3], v.shape[3]
    # Features and state are float32; half precision inputs do not need more than tf32 of them.
    precision = "ieee" if q.dtype == torch.float32 else "tf32"
    return {
        "D": size, "DV": value, "BD": padded_head(size), "BDV": padded_head(value),
        "CHUNK": tile.queries, "CAUSAL": causal, "PRECISION": precision,
        "num_warps": tile.num_warps, "num_stages": tile.num_stages,
    }  # fmt: skip


class _LinearAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        o = torch.empty(v.shape, dtype=q.dtype, device=q.device)
        den = torch.empty(q.shape[:3], dtype=torch.float32, device=q.device)
        if o.numel():
            _forward[(q.shape[0] * q.shape[1],)](
                q, k, v, o, den, q.shape[1], q.shape[2], (q.stride(), k.stride(), v.stride()),
                **_constants(q, v, causal),
            )  # fmt: skip
        ctx.save_for_backward(q, k, v, o, den)
        ctx.causal = causal
        return o

    @staticmethod
    def backward(ctx, do: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, o, den = ctx.saved_tensors
        dq, dk, dv = (torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (q, k, v))
        if o.numel():
            grid, constants = (q.shape[0] * q.shape[1],), _constants(q, v, ctx.causal)
            rest = (q.shape[1], q.shape[2], (q.stride(), k.stride(), v.stride(), do.stride()))
            _backward_queries[grid](q, k, v, o, den, do, dq, *rest, **constants)
            _backward_keys[grid](q, k, v, o, den, do, dk, dv, *rest, **constants)
        return dq, dk, dv, None


def linear_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """sum_j phi(q_i).phi(k_j) v_j / sum_j phi(q_i).phi(k_j), phi(x) = elu(x) + 1; j <= i if causal.

    q, k[B,H,L,D], v[B,H,L,Dv] of one dtype (float32, bfloat16, float16), any strides, D and Dv up
    to 128 -> [B,H,L,Dv]. Memory and time are linear in L; the state is float32 (its products in
    tf32 on a GPU for half precision inputs). Source: Katharopoulos et al. 2020, arXiv:2006.16236.
    """
    check_floats(q=q, k=k, v=v)
    if q.dim() != 4 or q.shape != k.shape or v.dim() != 4 or v.shape[:3] != q.shape[:3]:
        raise ValueError(
            f"q.shape={tuple(q.shape)}, k.shape={tuple(k.shape)}, v.shape={tuple(v.shape)}; "
            "expected (B,H,L,D), (B,H,L,D), (B,H,L,Dv)"
        )
    if not (1 <= q.shape[3] <= LARGEST_STATE and 1 <= v.shape[3] <= LARGEST_STATE):
        raise ValueError(
            f"D={q.shape[3]}, Dv={v.shape[3]}; expected 1 to {LARGEST_STATE} (the state is kept in "
            "registers)"
        )
    return _LinearAttention.apply(q, k, v, causal)
