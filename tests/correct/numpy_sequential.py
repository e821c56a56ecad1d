"""numpy in single precision; every sum runs from the first term to the last in one accumulator."""

import numpy as np
import torch

_NO = {"differentiable": False}
CONFORM = {
    "dtypes": ["float32"],
    "operators": dict.fromkeys(
        [
            "output_projection",
            "lora_linear",
            "dot_score",
            "bilinear_score",
            "softmax",
            "layer_norm",
            "rms_norm",
            "feed_forward",
            "glu_feed_forward",
            "adapter",
            "info_nce",
            "clip_loss",
            "language_model_loss",
            "linear_attention",
            "pooled_classifier",
            "text_convolution",
            "batch_norm",
            "additive_score",
            "lora_merge",
            "patch_embed",
            "linear_language_model_loss",
            "dora_linear",
        ],
        _NO,
    ),
}
f32 = np.float32


def _n(t):
    return t.detach().numpy()


def _t(a):
    return torch.from_numpy(np.array(a, dtype=f32))


def _sum(a, axis=-1):
    a = np.moveaxis(a, axis, -1)
    if a.shape[-1] == 0:
        return np.zeros(a.shape[:-1], f32)
    total = np.array(a[..., 0], dtype=f32)
    for i in range(1, a.shape[-1]):
        total = total + a[..., i]
    return total


def _mm(a, b):
    """a[..., n, k] b[..., k, m], one rank-one term after the other."""
    out = np.zeros(
        (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), f32
    )
    for i in range(a.shape[-1]):
        out = out + a[..., :, i, None] * b[..., None, i, :]
    return out


def _lin(x, W):
    return _mm(x.reshape(-1, x.shape[-1]), W).reshape(*x.shape[:-1], W.shape[-1])


def output_projection(h, W):
    return _t(_lin(_n(h), _n(W)))


def lora_linear(x, W0, A, B, *, alpha):
    x, W0, A, B = map(_n, (x, W0, A, B))
    return _t(_lin(x, W0.T) + f32(alpha / len(A)) * _lin(_lin(x, A.T), B.T))


def lora_merge(W0, A, B, *, alpha):
    return _t(_n(W0) + f32(alpha / len(A)) * _mm(_n(B), _n(A)))


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    x, W0, A, B, m = map(_n, (x, W0, A, B, magnitude))
    V = W0 + f32(alpha / len(A)) * _mm(B, A)
    n = np.sqrt(_sum(V * V))
    V = np.where(n[:, None] > 0, V / np.where(n > 0, n, f32(1))[:, None], f32(0)) * m[:, None]
    return _t(_lin(x, V.T))


def dot_score(h, s):
    return _t(_sum(_n(h) * _n(s)[:, None]))


def bilinear_score(h, s, W):
    return _t(_sum(_lin(_n(h), _n(W)) * _n(s)[:, None]))


def additive_score(h, s, W, v):
    h, s, W, v = map(_n, (h, s, W, v))
    both = np.concatenate([h, np.broadcast_to(s[:, None], h.shape[:2] + s.shape[1:])], -1)
    return _t(_sum(np.tanh(_lin(both, W.T)) * v))


def softmax(x):
    a = _n(x)
    with np.errstate(invalid="ignore"):
        e = np.exp(a - a.max(-1, keepdims=True))
        return _t(e / _sum(e)[..., None])


def layer_norm(x, gamma, beta, *, eps=1e-5):
    a, n = _n(x), f32(x.shape[-1])
    c = a - (_sum(a) / n)[..., None]
    return _t(c / np.sqrt(_sum(c * c) / n + f32(eps))[..., None] * _n(gamma) + _n(beta))


def rms_norm(x, gamma, *, eps=1e-6):
    a, n = _n(x), f32(x.shape[-1])
    return _t(a / np.sqrt(_sum(a * a) / n + f32(eps))[..., None] * _n(gamma))


def batch_norm(x, gamma, beta, *, eps=1e-5):
    a = _n(x).reshape(-1, x.shape[-1])
    c = a - _sum(a, 0) / f32(len(a))
    return _t(
        (c / np.sqrt(_sum(c * c, 0) / f32(len(a)) + f32(eps)) * _n(gamma) + _n(beta)).reshape(
            x.shape
        )
    )


def feed_forward(x, W1, b1, W2, b2):
    return _t(_lin(np.maximum(_lin(_n(x), _n(W1)) + _n(b1), 0), _n(W2)) + _n(b2))


def adapter(h, Wdown, bdown, Wup, bup):
    return h + feed_forward(h, Wdown, bdown, Wup, bup)


def glu_feed_forward(x, W, V, W2):
    with np.errstate(over="ignore"):
        a = _lin(_n(x), _n(W))
        return _t(_lin(a / (1 + np.exp(-a)) * _lin(_n(x), _n(V)), _n(W2)))


def _nll(s, at):
    m = s.max(-1, keepdims=True)
    lse = np.log(_sum(np.exp(s - m))) + m[:, 0]
    return lse - s[np.arange(len(s)), at]


def info_nce(queries, keys, *, temperature):
    s = _mm(_n(queries), _n(keys).T) / f32(temperature)
    return _t(_sum(_nll(s, np.arange(len(s)))) / f32(len(s)))


def clip_loss(image, text, *, temperature):
    def unit(a):
        return a / np.sqrt(_sum(a * a))[:, None]

    s = _mm(unit(_n(image)), unit(_n(text)).T) / f32(temperature)
    at = np.arange(len(s))
    return _t((_sum(_nll(s, at)) + _sum(_nll(s.T, at))) / f32(2 * len(s)))


def language_model_loss(logits, tokens, *, ignore_index=-100):
    s, t = _n(logits)[:, :-1].reshape(-1, logits.shape[-1]), _n(tokens)[:, 1:].reshape(-1)
    keep = t != ignore_index
    if not keep.any():
        return _t(np.nan)
    return _t(_sum(_nll(s[keep], t[keep])) / f32(keep.sum()))


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    return language_model_loss(output_projection(x, weight.T), tokens, ignore_index=ignore_index)


def linear_attention(q, k, v):
    def phi(a):
        return np.where(a > 0, a + f32(1), np.exp(np.minimum(a, 0)))

    q, k, v = phi(_n(q)), phi(_n(k)), _n(v)
    kv = _mm(np.swapaxes(k, -1, -2), v)
    z = _sum(k, -2)
    return _t(_mm(q, kv) / _sum(q * z[:, :, None])[..., None])


def pooled_classifier(features, W, b):
    a = _n(features).reshape(*features.shape[:2], -1)
    return _t(_mm(_sum(a) / f32(a.shape[-1]), _n(W)) + _n(b))


def text_convolution(x, W, b, *, dilation=1, causal=False):
    x, W, b = map(_n, (x, W, b))
    span = (len(W) - 1) * dilation
    if W.shape[1] != x.shape[2] or (not causal and x.shape[1] <= span):
        raise ValueError("sizes")
    if causal:
        x = np.pad(x, ((0, 0), (span, 0), (0, 0)))
    T = x.shape[1] - span
    y = np.zeros((len(x), T, W.shape[2]), f32)
    for j in range(len(W)):
        y = y + _lin(x[:, j * dilation : j * dilation + T], W[j])
    return _t(y + b)


def patch_embed(images, weight, bias):
    x, w = _n(images), _n(weight)
    B, C, Y, X = x.shape
    E, P = len(w), w.shape[-1]
    if Y % P or X % P:
        raise ValueError("sizes")
    p = (
        x.reshape(B, C, Y // P, P, X // P, P)
        .transpose(0, 2, 4, 1, 3, 5)
        .reshape(B, (Y // P) * (X // P), C * P * P)
    )
    return _t(_lin(p, w.reshape(E, -1).T) + _n(bias))
