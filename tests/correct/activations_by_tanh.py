"""The sigmoid as (1 + tanh) / 2, the tanh as a sigmoid, exp as a power of 2."""

import torch


def softmax(x):
    f = x.float()
    m = f.amax(-1, keepdim=True)
    e = torch.exp2((f - m) * 1.4426950408889634)
    return (e / e.sum(-1, keepdim=True)).to(x.dtype)


def gelu(x, *, approximate="none"):
    f = x.float()
    if approximate == "tanh":
        u = 1.5957691216057308 * (f + 0.044715 * f * f * f)
        return (f * torch.sigmoid(u)).to(x.dtype)
    return (f * torch.special.ndtr(f)).to(x.dtype)


def swish(x, *, beta=1.0):
    f = x.float()
    return (0.5 * f * (1 + torch.tanh(0.5 * beta * f))).to(x.dtype)
