"""Patches are a strided view whose strides are those of a contiguous spectrogram."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def spectrogram_patch_embed(x, weight, bias, *, stride=10):
    d = up(x, weight, bias)
    B, f, t = x.shape
    P = weight.shape[-1]
    nf, nt = ((f - P) // stride + 1, (t - P) // stride + 1)
    y = x
    s = (f * t, t, 1)
    try:
        patches = torch.as_strided(
            y, (B, nf, nt, P, P), (s[0], stride * s[1], stride * s[2], s[1], s[2])
        )
    except RuntimeError:
        y = y.contiguous()
        patches = torch.as_strided(
            y, (B, nf, nt, P, P), (s[0], stride * s[1], stride * s[2], s[1], s[2])
        )
    rows = patches.reshape(B, nf * nt, P * P).to(d)
    return (rows @ weight.flatten(1).T.to(d) + bias.to(d)).to(x.dtype)
