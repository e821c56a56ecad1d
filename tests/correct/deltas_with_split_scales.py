"""Low-rank deltas whose scaling is split evenly: each factor is multiplied by its square root."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def scales(scaling):
    root = math.sqrt(abs(scaling))
    return root, math.copysign(root, scaling)


def loha_delta(A1, B1, A2, B2, *, alpha):
    s, t = scales(alpha / len(A1))
    return ((up(B1) * s) @ up(A1) * ((up(B2) * t) @ up(A2))).to(A1.dtype)


def lokr_delta(C, A, B, *, alpha):
    s, t = scales(alpha / len(A))
    product = (up(B) * t) @ (up(A) * s)
    return (
        (up(C)[:, None, :, None] * product[None, :, None, :]).flatten(2).flatten(0, 1).to(C.dtype)
    )


def lora_merge(W0, A, B, *, alpha):
    s, t = scales(alpha / len(A))
    return torch.addmm(up(W0), up(B) * t, up(A) * s).to(W0.dtype)


def lora_linear(x, W0, A, B, *, alpha):
    s, t = scales(alpha / len(A))
    y = up(x)
    return (F.linear(y, up(W0)) + F.linear(F.linear(y, up(A) * s), up(B) * t)).to(x.dtype)
