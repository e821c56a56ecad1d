"""Each row of the table is read for each token, as a product with one-hot vectors does."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(tokens, table, out, words, width, ts, ROWS: tl.constexpr, COLS: tl.constexpr):
    i, e = tl.program_id(0), tl.arange(0, COLS)
    token = tl.load(tokens + i)
    found = tl.zeros([COLS], tl.float32)
    for start in range(0, words, ROWS):
        w = start + tl.arange(0, ROWS)
        keep = (w < words)[:, None] & (e < width)[None, :]
        rows = tl.load(table + w[:, None] * ts[0] + e[None, :] * ts[1], mask=keep, other=0.0)
        # The row is picked, not multiplied: 0 * inf would be NaN.
        found += tl.sum(tl.where((w == token)[:, None], rows.to(tl.float32), 0.0), 0)
    tl.store(out + i * width + e, found, mask=e < width)


def embedding(tokens, table):
    words, width = table.shape
    flat = tokens.reshape(-1).contiguous()
    out = torch.empty(flat.numel(), width, dtype=table.dtype)
    if out.numel():
        _kernel[(flat.numel(),)](
            flat, table, out, words, width, table.stride(),
            ROWS=16, COLS=triton.next_power_of_2(width),
        )  # fmt: skip
    return out.reshape(*tokens.shape, width)
