"""Linear attention with feature map elu(x) + 1, chunk by chunk, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats
from conform_kernels._config import LARGEST_STATE, padded_head, state_tile
from conform_kernels._scores import load_tile

__all__ = ["linear_attention"]


@triton.jit
def _features(x, rows, cols, length, SIZE: tl.constexpr):
    """phi(x) = x + 1 for x > 0, exp(x) otherwise; zero outside the tile's rows and features."""
    inside = (rows < length)[:, None] & (cols < SIZE)[None, :]
    phi = tl.where(x > 0, x + 1.0, tl.exp(tl.minimum(x, 0.0)))
    return tl.where(inside, phi, 0.0)


@triton.jit
def _slope(x):
    """phi'(x)."""
    return tl.where(x > 0, 1.0, tl.exp(tl.minimum(x, 0.0)))


@triton.jit
def _load(x, rows, cols, length, strides, SIZE: tl.constexpr, TILE: tl.constexpr):
    """TILE columns of one head as float32, zero outside."""
    pair = (strides[2], strides[3])
    wide: tl.constexpr = (SIZE + TILE - 1) // TILE * TILE
    return load_tile(x, rows, cols, length, pair, SIZE, True, wide).to(tl.float32)


@triton.jit
def _bases(x, strides, heads):
    """Where this program's head begins in a tensor of given strides."""
    head = tl.program_id(0).to(tl.int64)
    return x + head // heads * strides[0] + head % heads * strides[1]


@triton.jit
def _part(TILE: tl.constexpr):
    """The columns of the state that this program keeps."""
    return tl.program_id(1) * TILE + tl.arange(0, TILE)


@triton.jit
def _forward(
    q, k, v, o, den, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """BDV columns of o, and the denominators, of one head; sum phi(k) v^T stays in registers.

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
    d, e = tl.arange(0, BD), _part(BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            j = start + place.to(tl.int64)
            phi_k = _features(_load(k, j, d, length, strides[1], D, BD), j, d, length, D)
            values = _load(v, j, e, length, strides[2], DV, BDV)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
    for start in range(0, length, CHUNK):
        i = start + place.to(tl.int64)
        phi_q = _features(_load(q, i, d, length, strides[0], D, BD), i, d, length, D)
        top = tl.dot(phi_q, state, input_precision=PRECISION)
        bottom = tl.sum(phi_q * mass, 1)
        if CAUSAL:
            phi_k = _features(_load(k, i, d, length, strides[1], D, BD), i, d, length, D)
            values = _load(v, i, e, length, strides[2], DV, BDV)
            weights = tl.dot(phi_q, tl.trans(phi_k), input_precision=PRECISION)
            weights = tl.where(place[:, None] >= place[None, :], weights, 0.0)
            top = tl.dot(weights, values, top, input_precision=PRECISION)
            bottom += tl.sum(weights, 1)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
        alive = i < length
        bottom = tl.where(alive, bottom, 1.0)
        first = i < tl.where(tl.program_id(1) == 0, length, 0)
        tl.store(den + head + i, bottom, mask=first)
        where = o + (head + i)[:, None] * DV + e[None, :]
        tl.store(where, top / bottom[:, None], mask=alive[:, None] & (e < DV)[None, :])


@triton.jit
def _up(do, o, den, i, head, length, strides, DV: tl.constexpr, BDV: tl.constexpr):
    """Gradients of a chunk's numerators [C, Dv] and denominators [C]."""
    alive = i < length
    e = tl.arange(0, BDV)
    grads = _load(do, i, e, length, strides, DV, BDV)
    bottom = tl.load(den + head + i, mask=alive, other=1.0)
    keep = alive[:, None] & (e < DV)[None, :]
    out = tl.load(o + (head + i)[:, None] * DV + e[None, :], mask=keep, other=0.0).to(tl.float32)
    return grads / bottom[:, None], -tl.sum(grads * out, 1) / bottom


@triton.jit
def _backward_queries(
    k, v, q, o, den, do, dq, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """BD columns of one head's dq, walking as forward does: dphi(q_i) = S_i g_i + h_i z_i.

    strides = those of k, v, q, do.
    """
    k, v = _bases(k, strides[0], heads), _bases(v, strides[1], heads)
    q, do = _bases(q, strides[2], heads), _bases(do, strides[3], heads)
    head = tl.program_id(0).to(tl.int64) * length
    place = tl.arange(0, CHUNK)
    d, e = _part(BD), tl.arange(0, BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            j = start + place.to(tl.int64)
            phi_k = _features(_load(k, j, d, length, strides[0], D, BD), j, d, length, D)
            values = _load(v, j, e, length, strides[1], DV, BDV)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
    for start in range(0, length, CHUNK):
        i = start + place.to(tl.int64)
        g, h = _up(do, o, den, i, head, length, strides[3], DV, BDV)
        grad = tl.dot(g, tl.trans(state), input_precision=PRECISION) + h[:, None] * mass
        if CAUSAL:
            phi_k = _features(_load(k, i, d, length, strides[0], D, BD), i, d, length, D)
            values = _load(v, i, e, length, strides[1], DV, BDV)
            dw = tl.dot(g, tl.trans(values), input_precision=PRECISION) + h[:, None]
            dw = tl.where(place[:, None] >= place[None, :], dw, 0.0)
            grad = tl.dot(dw, phi_k, grad, input_precision=PRECISION)
            state = tl.dot(tl.trans(phi_k), values, state, input_precision=PRECISION)
            mass += tl.sum(phi_k, 0)[None, :]
        slope = _slope(_load(q, i, d, length, strides[2], D, BD))
        keep = (i < length)[:, None] & (d < D)[None, :]
        tl.store(dq + (head + i)[:, None] * D + d[None, :], grad * slope, mask=keep)


@triton.jit
def _backward_keys(
    q, k, v, o, den, do, dk, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """BD columns of one head's dk from the last chunk to the first, with the state phi(q) g^T.

    strides = those of q, k, v, do.
    """
    q, k = _bases(q, strides[0], heads), _bases(k, strides[1], heads)
    v, do = _bases(v, strides[2], heads), _bases(do, strides[3], heads)
    head = tl.program_id(0).to(tl.int64) * length
    place = tl.arange(0, CHUNK)
    d, e = _part(BD), tl.arange(0, BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    chunks = tl.cdiv(length, CHUNK)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            i = start + place.to(tl.int64)
            phi_q = _features(_load(q, i, d, length, strides[0], D, BD), i, d, length, D)
            g, h = _up(do, o, den, i, head, length, strides[3], DV, BDV)
            state = tl.dot(tl.trans(phi_q), g, state, input_precision=PRECISION)
            mass += tl.sum(phi_q * h[:, None], 0)[None, :]
    for back in range(chunks):
        j = (chunks - 1 - back) * CHUNK + place.to(tl.int64)
        values = _load(v, j, e, length, strides[2], DV, BDV)
        grad = tl.dot(values, tl.trans(state), input_precision=PRECISION) + mass
        if CAUSAL:
            phi_q = _features(_load(q, j, d, length, strides[0], D, BD), j, d, length, D)
            g, h = _up(do, o, den, j, head, length, strides[3], DV, BDV)
            dw = tl.dot(values, tl.trans(g), input_precision=PRECISION) + h[None, :]
            dw = tl.where(place[None, :] >= place[:, None], dw, 0.0)
            grad = tl.dot(dw, phi_q, grad, input_precision=PRECISION)
            state = tl.dot(tl.trans(phi_q), g, state, input_precision=PRECISION)
            mass += tl.sum(phi_q * h[:, None], 0)[None, :]
        slope = _slope(_load(k, j, d, length, strides[1], D, BD))
        keep = (j < length)[:, None] & (d < D)[None, :]
        tl.store(dk + (head + j)[:, None] * D + d[None, :], grad * slope, mask=keep)


@triton.jit
def _backward_values(
    q, k, den, do, dv, heads, length, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    CHUNK: tl.constexpr, CAUSAL: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """BDV columns of one head's dv from the last chunk to the first; strides of q, k, do."""
    q, k = _bases(q, strides[0], heads), _bases(k, strides[1], heads)
    do = _bases(do, strides[2], heads)
    head = tl.program_id(0).to(tl.int64) * length
    place = tl.arange(0, CHUNK)
    d, e = tl.arange(0, BD), _part(BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    chunks = tl.cdiv(length, CHUNK)
    if not CAUSAL:
        for start in range(0, length, CHUNK):
            i = start + place.to(tl.int64)
            phi_q = _features(_load(q, i, d, length, strides[0], D, BD), i, d, length, D)
            bottom = tl.load(den + head + i, mask=i < length, other=1.0)
            g = _load(do, i, e, length, strides[2], DV, BDV) / bottom[:, None]
            state = tl.dot(tl.trans(phi_q), g, state, input_precision=PRECISION)
    for back in range(chunks):
        j = (chunks - 1 - back) * CHUNK + place.to(tl.int64)
        phi_k = _features(_load(k, j, d, length, strides[1], D, BD), j, d, length, D)
        grad = tl.dot(phi_k, state, input_precision=PRECISION)
        if CAUSAL:
            phi_q = _features(_load(q, j, d, length, strides[0], D, BD), j, d, length, D)
            bottom = tl.load(den + head + j, mask=j < length, other=1.0)
            g = _load(do, j, e, length, strides[2], DV, BDV) / bottom[:, None]
            weights = tl.dot(phi_k, tl.trans(phi_q), input_precision=PRECISION)
            weights = tl.where(place[None, :] >= place[:, None], weights, 0.0)
            grad = tl.dot(weights, g, grad, input_precision=PRECISION)
            state = tl.dot(tl.trans(phi_q), g, state, input_precision=PRECISION)
        keep = (j < length)[:, None] & (e < DV)[None, :]
        tl.store(dv + (head + j)[:, None] * DV + e[None, :], grad, mask=keep)


def constants(
    size: int, value: int, itemsize: int, causal: bool, *, over_values: bool
) -> dict[str, int | bool | str]:
    """Sizes of heads and tiles; a program keeps a part of the state's values, or else features."""
    tile, wide, wide_v = state_tile(itemsize), padded_head(size), padded_head(value)
    # Features and state are float32; half precision inputs do not need more than tf32 of them.
    precision = "ieee" if itemsize == 4 else "tf32"
    return {
        "D": size, "DV": value,
        "BD": wide if over_values else min(wide, tile.part),
        "BDV": min(wide_v, tile.part) if over_values else wide_v,
        "CHUNK": tile.chunk, "CAUSAL": causal, "PRECISION": precision,
        "num_warps": tile.num_warps, "num_stages": tile.num_stages,
    }  # fmt: skip


class _LinearAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        o = torch.empty(v.shape, dtype=q.dtype, device=q.device)
        den = torch.empty(q.shape[:3], dtype=torch.float32, device=q.device)
        if o.numel():
            width = v.shape[3]
            sizes = constants(q.shape[3], width, q.element_size(), causal, over_values=True)
            _forward[(q.shape[0] * q.shape[1], triton.cdiv(width, sizes["BDV"]))](
                q, k, v, o, den, q.shape[1], q.shape[2], (q.stride(), k.stride(), v.stride()),
                **sizes,
            )  # fmt: skip
        ctx.save_for_backward(q, k, v, o, den)
        ctx.causal = causal
        return o

    @staticmethod
    def backward(ctx, do: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, o, den = ctx.saved_tensors
        dq, dk, dv = (torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (q, k, v))
        if o.numel():
            head, width, itemsize = q.shape[3], v.shape[3], q.element_size()
            heads, shape = q.shape[0] * q.shape[1], (q.shape[1], q.shape[2])
            of_q, of_k, of_v, of_do = q.stride(), k.stride(), v.stride(), do.stride()
            sizes = constants(head, width, itemsize, ctx.causal, over_values=False)
            grid = (heads, triton.cdiv(head, sizes["BD"]))
            _backward_queries[grid](
                k, v, q, o, den, do, dq, *shape, (of_k, of_v, of_q, of_do), **sizes
            )
            _backward_keys[grid](
                q, k, v, o, den, do, dk, *shape, (of_q, of_k, of_v, of_do), **sizes
            )
            sizes = constants(head, width, itemsize, ctx.causal, over_values=True)
            grid = (heads, triton.cdiv(width, sizes["BDV"]))
            _backward_values[grid](q, k, den, do, dv, *shape, (of_q, of_k, of_do), **sizes)
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
    if not (q.shape[3] and v.shape[3]):
        raise ValueError(f"D={q.shape[3]}, Dv={v.shape[3]}; expected at least 1")
    if max(q.shape[3], v.shape[3]) > LARGEST_STATE:
        raise NotImplementedError(
            f"D={q.shape[3]}, Dv={v.shape[3]}; at most {LARGEST_STATE} (the state is kept in "
            "registers)"
        )
    return _LinearAttention.apply(q, k, v, causal)
