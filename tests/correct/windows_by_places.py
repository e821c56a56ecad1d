"""Windows by tables of places and gathers; the shift is a permutation, padding a clamp."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"mae_random_mask": {}},
}


def table(H, W, w):
    return torch.arange(H * W).view(H, W).unfold(0, w, w).unfold(1, w, w).reshape(-1, w * w)


def window_partition(x, window):
    B, H, W, C = x.shape
    i = table(H, W, window)
    return x.reshape(B, H * W, C)[:, i.reshape(-1)].reshape(B * len(i), window, window, C)


def window_reverse(windows, window, Hh, Ww):
    i = table(Hh, Ww, window).reshape(-1)
    C = windows.shape[-1]
    return windows.reshape(-1, Hh * Ww, C)[:, torch.argsort(i)].reshape(-1, Hh, Ww, C)


def shifted_window_mask(Hh, Ww, window, shift):
    r = torch.arange(Hh)[:, None].expand(Hh, Ww)
    c = torch.arange(Ww)[None].expand(Hh, Ww)
    region = (
        (r >= Hh - shift).long() * 2 + (c >= Ww - shift).long()
        if shift
        else torch.zeros(Hh, Ww, dtype=torch.long)
    )
    a = region.reshape(-1)[table(Hh, Ww, window)]
    return a[:, :, None] == a[:, None, :]


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    B, H, W, E = x.shape
    w = window
    Hp, Wp = -(-H // w) * w, -(-W // w) * w
    rows = (torch.arange(Hp) + shift) % Hp
    cols = (torch.arange(Wp) + shift) % Wp
    place = (rows[:, None] * Wp + cols).reshape(-1)[
        table(Hp, Wp, w)
    ]  # windows of the rolled image, as places
    real = (torch.arange(Hp) < H)[:, None] & (torch.arange(Wp) < W)
    real = real.reshape(-1)[place]
    src = (place // Wp).clamp(max=H - 1) * W + (place % Wp).clamp(max=W - 1)
    y = x.reshape(B, H * W, E)[:, src.reshape(-1)].view(B, *src.shape, E)
    q, k, v = (y @ Wqkv + bqkv).unflatten(-1, (3, heads, -1)).movedim(3, 0).transpose(3, 4)
    see = shifted_window_mask(Hp, Wp, w, shift) & real[:, None, :]
    see = see | ~real[:, :, None]  # a row of padding is dropped later on
    s = (q @ k.mT) * q.shape[-1] ** -0.5
    s = s.masked_fill(~see[None, :, None], -torch.inf)
    p = torch.softmax(s, -1, dtype=torch.promote_types(s.dtype, torch.float32)).to(v.dtype)
    o = (p @ v).transpose(2, 3).flatten(3) @ Wo + bo
    where = src.reshape(-1)[real.reshape(-1)]
    return o.flatten(1, 2)[:, real.reshape(-1)][:, torch.argsort(where)].view(B, H, W, E)


def patch_embed(images, weight, bias):
    P = weight.shape[-1]
    cols = F.unfold(images, P, stride=P)
    return torch.baddbmm(
        bias, cols.mT, weight.reshape(1, len(weight), -1).expand(len(images), -1, -1).mT
    )


def mae_random_mask(B, L, ratio, *, seed):
    g = torch.Generator().manual_seed(seed)
    n = L - int(L * (1 - ratio))
    ids = (
        torch.stack([torch.randperm(L, generator=g)[:n] for _ in range(B)])
        if B
        else torch.zeros(0, n, dtype=torch.long)
    )
    return torch.zeros(B, L, dtype=torch.bool).scatter(1, ids, True)
