"""Branches and Conformer pieces by grouped 1d convolutions, gathers and stacks."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "bfloat16"]}


def relative_shift(scores):
    _B, _H, T, _ = scores.shape
    if scores.shape[-1] != 2 * T - 1:
        raise ValueError("sizes")
    return (
        torch.diagonal(scores.unfold(-1, T, 1).flip(-2), dim1=2, dim2=3).movedim(-1, 2).contiguous()
    )


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    E = a.shape[-1]

    def score(x, pool, weight):
        t = torch.softmax((x @ pool) / E**0.5, 1)
        return torch.einsum("bt,bte,e->b", t, x, weight)

    w = torch.softmax(torch.stack([score(a, pool_a, weight_a), score(b, pool_b, weight_b)], -1), -1)
    return torch.einsum("nb,nbte->bte", w.T, torch.stack([a, b])), w


def branch_merge_concat(a, b, W):
    E = a.shape[-1]
    return a @ W[:E] + b @ W[E:]


def gated_convolution(x, W, b, *, causal=True):
    K = W.shape[0]
    y = x.mT
    if causal:
        y = F.pad(y, (K - 1, 0))
    elif y.shape[-1] < K:
        raise ValueError("short")
    return F.glu(F.conv1d(y, W.permute(2, 1, 0), b), 1).mT


def text_cnn(x, W, b):
    if W.shape[0] > x.shape[1]:
        raise ValueError("short")
    return F.adaptive_max_pool1d(F.relu(F.conv1d(x.mT, W.permute(2, 1, 0), b)), 1)[..., 0]


def dilated_stack(x, W, b):
    y = x.mT
    for n in range(len(W)):
        if n:
            y = F.relu(y)
        d = 2**n
        y = F.conv1d(F.pad(y, ((W.shape[1] - 1) * d, 0)), W[n].permute(2, 1, 0), b[n], dilation=d)
    return y.mT
