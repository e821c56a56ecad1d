"""Two empty parts are taken relative to a maximum of -inf, which gives NaN."""

import torch
from _interpreted import tl, triton

MISTAKE = "attention_merge.divides-empty"


@triton.jit
def _kernel(
    o1, lse1, o2, lse2, o, lse, rows, width, s1, s2, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    row, col = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    alive = row < rows
    a = tl.load(lse1 + row, mask=alive, other=0.0)
    b = tl.load(lse2 + row, mask=alive, other=0.0)
    top = tl.maximum(a, b)
    base = top
    first, second = tl.exp(a - base), tl.exp(b - base)
    total = first + second
    keep = alive[:, None] & (col < width)[None, :]
    where = o1 + row[:, None] * s1[0] + col[None, :] * s1[1]
    left = tl.load(where, mask=keep & (first > 0)[:, None], other=0.0).to(tl.float32)
    where = o2 + row[:, None] * s2[0] + col[None, :] * s2[1]
    right = tl.load(where, mask=keep & (second > 0)[:, None], other=0.0).to(tl.float32)
    safe = tl.where(total > 0, total, 1.0)
    out = (left * first[:, None] + right * second[:, None]) / safe[:, None]
    tl.store(o + row[:, None] * width + col[None, :], out, mask=keep)
    tl.store(lse + row, tl.where(total > 0, top + tl.log(safe), -float("inf")), mask=alive)


def attention_merge(o1, lse1, o2, lse2):
    a, b = o1.reshape(-1, o1.shape[-1]), o2.reshape(-1, o2.shape[-1])
    o, lse = torch.empty(o1.shape, dtype=o1.dtype), torch.empty(lse1.shape)
    _kernel[(triton.cdiv(a.shape[0], 32),)](
        a, lse1.contiguous(), b, lse2.contiguous(), o, lse, *a.shape, a.stride(), b.stride(),
        ROWS=32, BLOCK=triton.next_power_of_2(a.shape[1]),
    )  # fmt: skip
    return o, lse
