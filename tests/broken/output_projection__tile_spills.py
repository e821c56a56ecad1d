"""Tiles of 32 columns are stored whole: what lies beyond a row lands on the start of the next."""

import torch


def output_projection(h, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    out = (h.to(wide) @ W.to(wide)).to(h.dtype)
    rest = -W.shape[1] % 32
    if rest and W.shape[1] > 32:
        rows = out.reshape(-1, W.shape[1])
        keep = torch.arange(W.shape[1]) >= rest
        first = (torch.arange(len(rows)) == 0)[:, None]
        out = torch.where(keep | first, rows, 0).view(out.shape)
    return out
