"""Forbidden pairs get a hundred less, as in the paper's code: large logits see through it."""

import math

import torch
import torch.nn.functional as F


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    return _attend(x, Wqkv, bqkv, Wo, bo, heads, window, shift)


def _cut(t, w):
    B, H, W, C = t.shape
    t = t.view(B, H // w, w, W // w, w, C).transpose(2, 3)
    return t.reshape(B, -1, w * w, C)


def _attend(x, Wqkv, bqkv, Wo, bo, heads, w, shift):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, H, W, E = x.shape
    h = F.pad(x.to(wide), (0, 0, 0, -W % w, 0, -H % w))
    Hp, Wp = h.shape[1:3]
    region = torch.zeros(1, Hp, Wp, 1)
    rows = torch.arange(Hp) < shift
    columns = torch.arange(Wp) < shift
    region[0, :, :, 0] = rows[:, None] * 1.0 + columns[None] * 2.0
    real = torch.zeros(1, Hp, Wp, 1)
    real[:, :H, :W] = 1
    region = torch.roll(torch.where(real > 0, region, 9.0), (-shift, -shift), (1, 2))
    h = torch.roll(h, (-shift, -shift), (1, 2))
    ids = _cut(region, w)[0, :, :, 0]
    hidden = (ids[:, :, None] != ids[:, None]) | (ids[:, None] == 9)
    q, k, v = (_cut(h, w) @ Wqkv.to(wide) + bqkv.to(wide)).chunk(3, -1)
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(2, 3) for t in (q, k, v))
    s = q @ k.transpose(-1, -2) / math.sqrt(E // heads)
    s = s + hidden[None, :, None] * -100.0
    o = (s.softmax(-1) @ v).transpose(2, 3).flatten(3) @ Wo.to(wide) + bo.to(wide)
    o = o.view(B, Hp // w, Wp // w, w, w, E).transpose(2, 3).reshape(B, Hp, Wp, E)
    return torch.roll(o, (shift, shift), (1, 2))[:, :H, :W].to(x.dtype)
