"""Rows are sorted by length, as packing wants it, and never put back."""

import torch


def _run(x, Wx, Wh, b, lengths, backward):
    B, L = x.shape[:2]
    h = x.new_zeros(B, Wh.shape[0])
    out = [None] * L
    for t in reversed(range(L)) if backward else range(L):
        new = torch.tanh(x[:, t] @ Wx + h @ Wh + b)
        live = (t < lengths)[:, None]
        h = torch.where(live, new, h)
        out[t] = torch.where(live, new, torch.zeros_like(new))
    return torch.stack(out, 1) if L else x.new_zeros(B, 0, Wh.shape[0])


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, L = x.shape[:2]
    h = x.to(wide)
    n = torch.full((B,), L) if lengths is None else lengths
    if lengths is not None:
        order = torch.sort(lengths, descending=True, stable=True).indices
        h, n = h[order], n[order]
    f = _run(h, Wx.to(wide), Wh.to(wide), b.to(wide), n, False)
    r = _run(h, Wx_back.to(wide), Wh_back.to(wide), b_back.to(wide), n, True)
    return torch.cat([f, r], -1).to(x.dtype)
