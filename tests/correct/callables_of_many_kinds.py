"""Instances, modules, partials; named tuples, lists and int32 indices as results."""

import functools
from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn


class RoPE:
    """cached tables, grown on demand"""

    def __init__(self):
        self.cache = {}

    def tables(self, d, base, n):
        key = (d, base)
        if key not in self.cache or self.cache[key][0].shape[0] < n:
            size = 1 << max(n - 1, 1).bit_length()
            inv = base ** (-torch.arange(0, d, 2, dtype=torch.float32) / d)
            f = torch.outer(torch.arange(size, dtype=torch.float32), inv)
            self.cache[key] = (f.cos(), f.sin())
        return self.cache[key]

    def __call__(self, x, positions, *, base=10000.0, interleaved=False, rotary_dim=None):
        d = rotary_dim or x.shape[-1]
        n = int(positions.max()) + 1 if positions.numel() else 1
        cos, sin = self.tables(d, base, n)
        cos, sin = cos[positions], sin[positions]
        if positions.ndim == 2:
            cos, sin = cos[:, None], sin[:, None]
        rot, rest = x[..., :d].float(), x[..., d:]
        if interleaved:
            a, b = rot[..., ::2], rot[..., 1::2]
            out = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
        else:
            a, b = rot.split(d // 2, -1)
            out = torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
        return torch.cat((out.to(x.dtype), rest), -1)


rope = RoPE()


class _Norm(nn.Module):
    def forward(self, x, gamma, beta, *, eps=1e-5):
        return F.layer_norm(x, gamma.shape, gamma, beta, eps)


layer_norm = _Norm()


def rms_norm(x, gamma, *, eps=1e-6):
    return F.rms_norm(x, gamma.shape, gamma, eps)


softmax = functools.partial(torch.softmax, dim=-1)


def _act(x, *, kind, beta=1.0):
    return x * torch.sigmoid(beta * x) if kind == "swish" else F.gelu(x)


swish = functools.partial(_act, kind="swish")


Routing = namedtuple("Routing", "indices weights")


def router(x, Wg, *, top_k=1):
    p = torch.softmax((x @ Wg).float(), -1)
    w, i = p.topk(top_k)
    return Routing(indices=i.int(), weights=w.to(x.dtype))


def expert_choice(x, Wg, *, capacity):
    p = (x.float() @ Wg.float()).softmax(-1).t()
    w, i = p.sort(descending=True, stable=True)
    return [i[:, :capacity], w[:, :capacity].to(x.dtype)]


VQ = namedtuple("VQ", ["codes", "out"])


def vector_quantize(x, codebook):
    codes = (
        torch.cdist(
            x.float().reshape(-1, x.shape[-1]),
            codebook.float(),
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        .argmin(-1)
        .view(x.shape[:-1])
    )
    return VQ(codes.int(), F.embedding(codes, codebook))
