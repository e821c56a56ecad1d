"""Windows are attended to in groups of 64, each of which takes the masks of the first group."""

import torch
import torch.nn.functional as F


def tiles(x, window):
    B, Hh, Ww, C = x.shape
    x = x.view(B, Hh // window, window, Ww // window, window, C).transpose(2, 3)
    return x.reshape(-1, window * window, C)


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, Hh, Ww, E = x.shape
    W, b, V, c = (t.to(wide) for t in (Wqkv, bqkv, Wo, bo))
    y = F.pad(x.to(wide), (0, 0, 0, -Ww % window, 0, -Hh % window))
    rows, columns = y.shape[1], y.shape[2]
    y = torch.roll(y, (-shift, -shift), (1, 2))
    at = [torch.roll(torch.arange(n), -shift) for n in (rows, columns)]
    wrapped = [torch.arange(n) >= n - shift for n in (rows, columns)]
    real = ((at[0] < Hh)[:, None] & (at[1] < Ww)).long()
    region = 2 * wrapped[0].long()[:, None] + wrapped[1].long() + 4 * real
    ids = tiles(region[None, :, :, None], window)[..., 0]
    seen = (ids[:, :, None] == ids[:, None]) & (ids >= 4)[:, None]
    parts = []
    count = seen.shape[0]
    for image in tiles(y, window).view(B, count, window**2, E):
        for start in range(0, count, 64):
            z = image[start : start + 64]
            mask = seen[: len(z)]
            qkv = z @ W + b
            q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
            scores = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~mask[:, None], -torch.inf)
            share = torch.where(mask[:, None].any(-1, keepdim=True), scores, 0.0).softmax(-1)
            parts.append((share @ v).transpose(1, 2).flatten(2) @ V + c)
    out = torch.cat(parts) if parts else y.new_zeros(0, window**2, E)
    out = out.view(B, rows // window, columns // window, window, window, E).transpose(2, 3)
    out = torch.roll(out.reshape(B, rows, columns, E), (shift, shift), (1, 2))
    return out[:, :Hh, :Ww].to(x.dtype)
