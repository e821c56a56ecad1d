"""Images are padded after the roll, with the mask of the padded size (timm #2438)."""

import math

import torch
import torch.nn.functional as F


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, H, W, E = x.shape
    pad = (0, 0, 0, -W % window, 0, -H % window)
    h = F.pad(x.to(wide).roll((-shift, -shift), (1, 2)), pad)
    Hp, Wp = h.shape[1:3]
    inside = torch.zeros(Hp, Wp, dtype=torch.bool)
    inside[:H, :W] = True
    area = torch.zeros(Hp, Wp, dtype=torch.long)
    area[Hp - shift :] += 1
    area[:, Wp - shift :] += 2

    def cut(t):
        t = t.view(-1, Hp // window, window, Wp // window, window, t.shape[-1])
        return t.transpose(2, 3).reshape(-1, window * window, t.shape[-1])

    kind, real = cut(area[None, ..., None])[..., 0], cut(inside[None, ..., None])[..., 0]
    seen = ((kind[:, :, None] == kind[:, None]) & real[:, None]).repeat(B, 1, 1)[:, None]
    qkv = cut(h) @ Wqkv.to(wide) + bqkv.to(wide)
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
    s = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~seen, -math.inf)
    o = (torch.softmax(s, -1).nan_to_num(0.0) @ v).transpose(1, 2).flatten(2)
    o = (o @ Wo.to(wide) + bo.to(wide)).view(B, Hp // window, Wp // window, window, window, E)
    o = o.transpose(2, 3).reshape(B, Hp, Wp, E)[:, :H, :W]
    return o.roll((shift, shift), (1, 2)).to(x.dtype)
