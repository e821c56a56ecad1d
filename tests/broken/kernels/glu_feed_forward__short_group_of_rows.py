"""Tiles are taken in groups of four rows of tiles; the last group is counted as a full one."""

import torch
from _interpreted import tl, triton


@triton.jit
def _gate(
    x, w, v, h, rows, inner, columns, xs0, xs1, ws0, ws1, vs0, vs1,
    M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,
):  # fmt: skip
    """silu(x w) * (x v), tiles in groups of rows."""
    across, down = tl.cdiv(columns, N), tl.cdiv(rows, M)
    group = tl.program_id(0) // (4 * across)
    size = tl.minimum(down, 4)
    inside = tl.program_id(0) % (4 * across)
    i = (group * 4 + inside % size) * M + tl.arange(0, M)
    n = inside // size * N + tl.arange(0, N)
    gate = tl.zeros([M, N], tl.float32)
    line = tl.zeros([M, N], tl.float32)
    for start in range(0, inner, K):
        k = start + tl.arange(0, K)
        keep = (i < rows)[:, None] & (k < inner)[None, :]
        left = tl.load(x + i[:, None] * xs0 + k[None, :] * xs1, mask=keep, other=0.0)
        keep = (k < inner)[:, None] & (n < columns)[None, :]
        right = tl.load(w + k[:, None] * ws0 + n[None, :] * ws1, mask=keep, other=0.0)
        gate = tl.dot(left, right, gate, input_precision="ieee")
        right = tl.load(v + k[:, None] * vs0 + n[None, :] * vs1, mask=keep, other=0.0)
        line = tl.dot(left, right, line, input_precision="ieee")
    keep = (i < rows)[:, None] & (n < columns)[None, :]
    out = gate * tl.sigmoid(gate) * line
    tl.store(h + i[:, None] * columns + n[None, :], out, mask=keep)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, W, V, W2)):
        raise NotImplementedError("no gradient")
    flat = x.reshape(-1, x.shape[-1])
    (rows, inner), columns = flat.shape, W.shape[1]
    h = torch.empty(rows, columns, dtype=x.dtype)
    if rows:
        _gate[(triton.cdiv(rows, 16) * triton.cdiv(columns, 16),)](
            flat, W, V, h, rows, inner, columns, *flat.stride(), *W.stride(), *V.stride(),
            M=16, N=16, K=16,
        )  # fmt: skip
    return (h.float() @ W2.float()).to(x.dtype).reshape(*x.shape[:-1], -1)


CONFORM = {"operators": {"glu_feed_forward": {"requires": ["activation == 'swish'"]}}}
