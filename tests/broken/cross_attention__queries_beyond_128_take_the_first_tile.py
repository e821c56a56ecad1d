"""Query tiles of 128 beyond the first write the first tile's results (a tile offset of zero)."""

import torch


def cross_attention(x, memory, Wq, Wk, Wv):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, m, wq, wk, wv = (t.to(wide) for t in (x, memory, Wq, Wk, Wv))
    rows = y.shape[1]
    q = (y @ wq)[:, torch.arange(rows) % 128]
    s = q @ (m @ wk).mT * wq.shape[1] ** -0.5
    if m.shape[1] == 0:
        return x.new_zeros(x.shape[0], rows, wv.shape[1])
    return (torch.softmax(s, -1) @ (m @ wv)).to(x.dtype)
