"""The image is rolled first and padded then, so the mask hides other places than those that wrapped
around (huggingface/pytorch-image-models issue 2438).
"""

import torch


def split(x, w):
    B, Hh, Ww, C = x.shape
    return x.view(B, Hh // w, w, Ww // w, w, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, C)


def join(x, w, B, Hh, Ww):
    return x.view(B, Hh // w, Ww // w, w, w, -1).permute(0, 1, 3, 2, 4, 5).reshape(B, Hh, Ww, -1)


def regions(Hh, Ww, Hp, Wp, w, shift):
    """A number for each place after the roll: equal numbers may attend; 0 is padding."""
    wraps = []
    for padded, size in ((Hp, Hh), (Wp, Ww)):
        place = (torch.arange(padded) + shift) % padded
        number = 1 + (place < shift).long() * (1 if shift else 0)
        wraps.append(torch.where(place < size, number, 0))
    rows, columns = wraps
    return torch.where(
        (rows[:, None] > 0) & (columns[None] > 0), rows[:, None] * 3 + columns[None], 0
    )


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    B, Hh, Ww, E = x.shape
    w = window
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    Hp, Wp = -(-Hh // w) * w, -(-Ww // w) * w
    xf = torch.roll(x.to(work), (-shift, -shift), (1, 2))
    xf = torch.nn.functional.pad(xf, (0, 0, 0, Wp - Ww, 0, Hp - Hh))
    number = torch.zeros(Hp, Wp, dtype=torch.long)
    number[:Hh, :Ww] = torch.roll(regions(Hh, Ww, Hh, Ww, w, shift), (0, 0), (0, 1))
    groups = split(number[None, :, :, None], w)[..., 0]
    seen = (groups[:, :, None] == groups[:, None, :]) & (groups[:, None, :] > 0)
    t = split(xf, w)
    q, k, v = (
        ((t @ Wqkv.to(work)) + bqkv.to(work))
        .view(len(t), w * w, 3, heads, E // heads)
        .permute(2, 0, 3, 1, 4)
    )
    s = q @ k.transpose(-1, -2) * (E // heads) ** -0.5
    s = (
        s.view(B, -1, heads, w * w, w * w)
        .masked_fill(~seen[None, :, None], float("-inf"))
        .view(s.shape)
    )
    empty = ~seen.any(-1).repeat(B, 1)[:, None, :, None]
    p = torch.softmax(s.masked_fill(empty, 0.0), -1)
    out = (p @ v).transpose(1, 2).reshape(len(t), w * w, E) @ Wo.to(work) + bo.to(work)
    out = join(out, w, B, Hp, Wp)[:, :Hh, :Ww]
    return torch.roll(out, (shift, shift), (1, 2)).to(x.dtype)
