"""Norms, similarities and maps of tokens by library calls in float32 or wider."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def patch_norms(tokens, *, first_patch=1):
    return torch.linalg.vector_norm(_wide(tokens[:, first_patch:]), dim=-1).to(tokens.dtype)


def neighbour_similarity(x):
    y = _wide(x)
    total, count = torch.zeros_like(y[..., 0]), torch.zeros_like(y[..., 0])
    down = F.cosine_similarity(y[:, 1:], y[:, :-1], dim=-1)
    across = F.cosine_similarity(y[:, :, 1:], y[:, :, :-1], dim=-1)
    for where, value in (
        ((slice(None), slice(1, None)), down),
        ((slice(None), slice(None, -1)), down),
        ((slice(None), slice(None), slice(1, None)), across),
        ((slice(None), slice(None), slice(None, -1)), across),
    ):
        total[where] = total[where] + value
        count[where] = count[where] + 1
    return (total / count).to(x.dtype)


def grid_smoothness(x):
    y = _wide(x)
    each = torch.cat([y.diff(dim=d).square().sum(-1).flatten(1) for d in (1, 2)], 1)
    return each.mean(1).to(x.dtype)


def class_attention_map(q, k, *, height, width, first_patch=1):
    n = height * width
    one = torch.eye(k.shape[2], dtype=_wide(q).dtype).expand(*k.shape[:2], -1, -1)
    weights = F.scaled_dot_product_attention(_wide(q)[:, :, :1], _wide(k), one)
    weights = weights[:, :, 0, first_patch : first_patch + n]
    return weights.reshape(*q.shape[:2], height, width).to(q.dtype)


def mean_attention_distance(weights, *, height, width, patch=16):
    w = _wide(weights)
    grid = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack(grid, -1).reshape(-1, 2).to(w.dtype) * patch
    far = (place[:, None] - place).norm(dim=-1)
    return ((w * far).sum(dim=(-1, -2)) / w.shape[-1]).to(weights.dtype)


def linear_cka(x, y):
    a, b = _wide(x), _wide(y)
    n = len(a)
    centre = torch.eye(n, dtype=a.dtype) - 1 / n
    gram_a, gram_b = centre @ a @ a.T @ centre, centre @ b @ b.T @ centre
    return ((gram_a * gram_b).sum() / (gram_a.norm() * gram_b.norm())).to(x.dtype)
