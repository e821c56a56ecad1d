"""Sums by compensated addition and by halving, in the width of float32 at the least."""

import torch


def up(x):
    return x if x.dtype == torch.float64 else x.float()


def tree(x):
    """Sum over the last axis by halving."""
    while x.shape[-1] > 1:
        if x.shape[-1] % 2:
            x = torch.cat([x, torch.zeros_like(x[..., :1])], -1)
        x = x[..., ::2] + x[..., 1::2]
    return x[..., 0] if x.shape[-1] else x.sum(-1)


def kahan(x):
    total = torch.zeros_like(x[..., 0])
    lost = torch.zeros_like(total)
    for t in x.unbind(-1):
        y = t - lost
        new = total + y
        lost = (new - total) - y
        total = new
    return total


def softmax(x):
    a = up(x)
    e = torch.exp2((a - a.amax(-1, keepdim=True)) * 1.4426950408889634)
    return (e / tree(e)[..., None]).to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    a = up(x)
    ms = kahan(a * a) / a.shape[-1]
    return (a * (ms + eps).pow(-0.5)[..., None] * up(gamma)).to(x.dtype)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    a = up(x)
    d = a - (tree(a) / a.shape[-1])[..., None]
    v = kahan(d.square()) / a.shape[-1]
    return (d / (v + eps).sqrt()[..., None] * up(gamma) + up(beta)).to(x.dtype)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    a = up(x)
    flat = a.flatten(0, 1)
    mean = tree(flat.T) / len(flat)
    v = tree((flat - mean).square().T) / len(flat)
    return ((a - mean) * torch.rsqrt(v + eps) * up(gamma) + up(beta)).to(x.dtype)


def power_norm(x, gamma, beta, *, eps=1e-5):
    a = up(x)
    v = kahan(a.flatten(0, 1).square().T) / (a.shape[0] * a.shape[1])
    return (a / torch.sqrt(v + eps) * up(gamma) + up(beta)).to(x.dtype)


def dot_score(h, s):
    return tree(up(h) * up(s)[:, None]).to(h.dtype)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    a = up(logits[:, :-1].flatten(0, 1))
    t = tokens[:, 1:].flatten()
    a, t = a[t != ignore_index], t[t != ignore_index]
    m = a.amax(-1)
    lse = (
        m + torch.log2(tree(torch.exp2((a - m[:, None]) * 1.4426950408889634))) * 0.6931471805599453
    )
    each = lse - a.gather(-1, t[:, None])[:, 0]
    return (
        (kahan(each) / len(t)).to(logits.dtype)
        if len(t)
        else (a.sum() * torch.nan).to(logits.dtype)
    )


def output_projection(h, W):
    a, w = up(h), up(W)
    n = a.shape[-1]
    parts = torch.stack([a[..., i : i + 32] @ w[i : i + 32] for i in range(0, n, 32)], -1)
    return tree(parts).to(h.dtype)


def tiled_matmul_of(a, b):
    return tree(up(a)[..., :, None, :] * up(b).T[None]).to(a.dtype)


def patch_norms(tokens, *, first_patch=1):
    return kahan(up(tokens[:, first_patch:]).square()).sqrt().to(tokens.dtype)


def load_balancing_loss(probs, indices):
    T, N = probs.shape
    f = torch.bincount(indices, minlength=N).to(up(probs).dtype) / T
    return (N * tree(f * tree(up(probs).T) / T)).to(probs.dtype)


def mean_attention_distance(weights, *, height, width, patch=16):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    p = torch.stack([y.flatten(), x.flatten()], -1).to(up(weights).dtype)
    d = (p[:, None] - p).square().sum(-1).sqrt() * patch
    return (tree((up(weights) * d).flatten(2)) / (height * width)).to(weights.dtype)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"], "operators": {}}
