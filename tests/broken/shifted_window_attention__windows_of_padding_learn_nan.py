"""Queries of the padding see nothing through a bias of minus infinity and are cropped away; the
gradient of the weights is NaN for every image that is padded by a whole region."""

import torch
import torch.nn.functional as F


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, H0, W0, E = x.shape
    h = F.pad(x.to(wide), (0, 0, 0, -W0 % window, 0, -H0 % window))
    H, W = h.shape[1:3]
    h = h.roll((-shift, -shift), (1, 2))

    def windows(t):
        t = t.unflatten(2, (W // window, window)).unflatten(1, (H // window, window))
        return t.transpose(2, 3).flatten(3, 4).flatten(1, 2)

    q, k, v = (
        (windows(h) @ Wqkv.to(wide) + bqkv.to(wide))
        .unflatten(-1, (3, heads, -1))
        .permute(3, 0, 1, 4, 2, 5)
    )
    rows = (torch.arange(H) >= H - shift).long() * 2
    cols = (torch.arange(W) >= W - shift).long()
    ids = rows[:, None] + cols[None]
    pad = (torch.arange(H) >= H0)[:, None] | (torch.arange(W) >= W0)[None]
    pad = pad.roll((-shift, -shift), (0, 1))
    ids, hid = windows(ids[None, ..., None])[0, ..., 0], windows(pad[None, ..., None])[0, ..., 0]
    ok = (ids[:, :, None] == ids[:, None]) & ~hid[:, None]
    bias = torch.zeros(ok.shape, dtype=wide).masked_fill(~ok, float("-inf"))
    s = q @ k.mT / q.shape[-1] ** 0.5 + bias[None, :, None]
    o = (torch.nan_to_num(s.softmax(-1)) @ v).transpose(2, 3).flatten(3) @ Wo.to(wide) + bo.to(wide)
    o = o.unflatten(1, (H // window, W // window)).unflatten(3, (window, window)).transpose(2, 3)
    o = o.reshape(B, H, W, E).roll((shift, shift), (1, 2))
    return o[:, :H0, :W0].to(x.dtype)
