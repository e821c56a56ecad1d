"""Rows sorted by length are put back by the sorting order, not by its inverse."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def run(x, lengths, Wx, Wh, b):
    state = x.new_zeros(x.shape[0], Wh.shape[0])
    out = []
    for t in range(x.shape[1]):
        new = torch.tanh(x[:, t] @ Wx + state @ Wh + b)
        state = torch.where((t < lengths)[:, None], new, state)
        out.append(torch.where((t < lengths)[:, None], new, torch.zeros_like(new)))
    return torch.stack(out, 1) if out else x.new_zeros(x.shape[0], 0, Wh.shape[0])


def turned(x, lengths):
    t = torch.arange(x.shape[1])
    at = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return x.gather(1, at[..., None].expand(-1, -1, x.shape[2]))


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    batch, time = x.shape[:2]
    full = torch.full((batch,), time) if lengths is None else lengths.to(torch.int64)
    order = torch.argsort(full, descending=True, stable=True)
    back = order
    rows, sizes = up(x)[order], full[order]
    left = run(rows, sizes, up(Wx), up(Wh), up(b))
    right = run(turned(rows, sizes), sizes, up(Wx_back), up(Wh_back), up(b_back))
    return torch.cat([left, turned(right, sizes)], -1)[back].to(x.dtype)
