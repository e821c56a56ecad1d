"""Special functions, sums and ranks by scipy and numpy, on arrays of float64."""

import math

import numpy as np
import torch
from scipy import special, stats

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def array(t):
    return t.detach().to(torch.float64).numpy()


def tensor(a, like):
    return torch.from_numpy(np.ascontiguousarray(a)).to(like.dtype)


def softmax(x):
    with np.errstate(invalid="ignore"):
        return tensor(special.softmax(array(x), axis=-1), x)


def gelu(x, *, approximate="none"):
    z = array(x)
    if approximate == "tanh":
        u = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
        return tensor(z * special.expit(2 * u), x)
    return tensor(z * special.ndtr(z), x)


def swish(x, *, beta=1.0):
    return tensor(array(x) * special.expit(beta * array(x)), x)


def attention_with_lse(q, k, v, *, causal=False, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    groups = q.shape[1] // k.shape[1]
    kk, vv = np.repeat(array(k), groups, 1), np.repeat(array(v), groups, 1)
    s = np.einsum("bhid,bhjd->bhij", array(q), kk) * scale
    if causal:
        s = np.where(np.tri(s.shape[-2], s.shape[-1], s.shape[-1] - s.shape[-2]), s, -np.inf)
    lse = np.full(s.shape[:-1], -np.inf)
    if s.shape[-1]:
        with np.errstate(divide="ignore"):
            lse = special.logsumexp(s, axis=-1)
    p = np.where(np.isneginf(lse)[..., None], 0, np.exp(s - np.maximum(lse, -1e300)[..., None]))
    return tensor(p @ vv, q), torch.from_numpy(np.asarray(lse)).float()


def language_model_loss(logits, tokens, *, ignore_index=-100):
    z, t = array(logits)[:, :-1], tokens[:, 1:].numpy()
    kept = t != ignore_index
    if not kept.any():
        return torch.tensor(math.nan, dtype=logits.dtype)
    picked = np.take_along_axis(z, np.where(kept, t, 0)[..., None], -1)[..., 0]
    losses = special.logsumexp(z, axis=-1) - picked
    return torch.tensor(losses[kept].mean(), dtype=logits.dtype)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    z = array(x)
    moments = np.sqrt(stats.moment(z, 2, axis=-1, keepdims=True) + eps)
    return tensor((z - z.mean(-1, keepdims=True)) / moments * array(gamma) + array(beta), x)


def router(x, Wg, *, top_k=1):
    p = special.softmax(array(x) @ array(Wg), axis=-1)
    order = np.argsort(-p, axis=-1, kind="stable")[:, :top_k]
    chosen = np.take_along_axis(p, order, -1)
    return torch.from_numpy(order.copy()), tensor(chosen, x)


def vector_quantize(x, codebook):
    flat, codes = array(x).reshape(-1, x.shape[-1]), array(codebook)
    near = ((flat[:, None] - codes) ** 2).sum(-1).argmin(-1)
    indices = torch.from_numpy(near).reshape(x.shape[:-1])
    return indices, codebook.detach()[indices]
