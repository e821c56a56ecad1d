"""Feature maps by matrices of neighbours, interpolation by a matrix for each axis."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "float64", "bfloat16"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def neighbour_similarity(x):
    if x.ndim != 4:
        raise ValueError("rank")
    B, Y, X, _E = x.shape
    at = torch.cartesian_prod(torch.arange(Y), torch.arange(X)).view(-1, 2)
    near = ((at[:, None] - at[None]).abs().sum(-1) == 1).to(_wide(x).dtype)
    u = F.normalize(_wide(x), dim=-1, eps=0).flatten(1, 2)
    cos = u @ u.mT
    return ((cos * near).sum(-1) / near.sum(-1)).view(B, Y, X).to(x.dtype)


def grid_smoothness(x):
    _B, Y, X, _E = x.shape
    w = _wide(x)
    edges = Y * (X - 1) + X * (Y - 1)
    if edges == 0:
        raise ValueError("no edges")
    total = w.diff(dim=1).square().sum((1, 2, 3)) + w.diff(dim=2).square().sum((1, 2, 3))
    return (total / edges).to(x.dtype)


def mean_attention_distance(weights, *, height, width, patch=16):
    N = height * width
    if weights.shape[-1] != N or weights.shape[-2] != N:
        raise ValueError("sizes")
    at = (
        torch.cartesian_prod(torch.arange(height), torch.arange(width))
        .view(-1, 2)
        .to(_wide(weights).dtype)
    )
    d = torch.hypot(*(at[:, None] - at[None]).unbind(-1)) * patch
    return torch.tensordot(_wide(weights), d, 2).div(N).to(weights.dtype)


def mae_loss(prediction, target, mask):
    m = mask.to(_wide(prediction).dtype)
    per = (
        torch.linalg.vector_norm(_wide(prediction) - _wide(target), dim=-1).square()
        / prediction.shape[-1]
    )
    return (torch.where(mask, per, 0).sum() / m.sum()).to(prediction.dtype)


def pool_mixer(x, *, pool_size=3):
    if pool_size % 2 == 0:
        raise ValueError("even")
    r = pool_size // 2

    def band(n):
        return ((torch.arange(n)[:, None] - torch.arange(n)).abs() <= r).to(_wide(x).dtype)

    a, b = band(x.shape[2]), band(x.shape[3])

    def mean(m):
        return m / m.sum(1, keepdim=True)

    return (torch.einsum("yi,xj,bcij->bcyx", mean(a), mean(b), _wide(x)) - _wide(x)).to(x.dtype)


def pooled_classifier(features, W, b):
    return (
        torch.einsum("bcyx,ck->bk", _wide(features) / features[0, 0].numel(), _wide(W))
        .add(b)
        .to(features.dtype)
    )
