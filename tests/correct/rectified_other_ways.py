"""Rectifiers of other slopes at 0 (clamp: 1, maximum: 1/2), maxima that choose one of equals."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float32", "float64", "bfloat16"],
    "operators": {"moe_layer": {"fixed": {"capacity_factor": None}}},
}


def _clamped(x):
    return x.clamp(min=0)


def _larger(x):
    return torch.maximum(x, torch.zeros_like(x))


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _layer(x, W1, b1, W2, b2, rectify, scale=1.0):
    x, W1, b1, W2, b2 = map(_wide, (x, W1, b1, W2, b2))
    return (scale * rectify(x @ W1 + b1)) @ W2 + b2


def _relu_only(activation):
    if activation != "relu":
        raise NotImplementedError(activation)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    _relu_only(activation)
    return _layer(x, W1, b1, W2, b2, _clamped).to(x.dtype)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    _relu_only(activation)
    z = _wide(x)
    return ((_larger(z @ _wide(W)) * (z @ _wide(V))) @ _wide(W2)).to(x.dtype)


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    _relu_only(activation)
    return (_wide(h) + _layer(h, Wdown, bdown, Wup, bup, _larger)).to(h.dtype)


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    _relu_only(activation)
    return (_wide(h) + scaling * _layer(x, Wdown, bdown, Wup, bup, _clamped)).to(h.dtype)


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    _relu_only(activation)
    return _layer(x, W1, b1, W2, b2, _larger, _wide(scale)).to(x.dtype)


def gated_feed_forward(x, W1, W2, gate, *, activation="squared_relu"):
    if activation == "gelu":
        raise NotImplementedError(activation)
    hidden = _clamped(_wide(x) @ _wide(W1))
    hidden = hidden * hidden if activation == "squared_relu" else hidden
    return (_wide(x) + _wide(gate).tanh() * (hidden @ _wide(W2))).to(x.dtype)


def mlp_score(h, s, W1, b1, W2, b2):
    both = torch.cat([h, s.unsqueeze(1).expand(-1, h.shape[1], -1)], -1)
    return _layer(both, W1, b1, W2, b2, _larger).squeeze(-1).to(h.dtype)


def mlp_prompt_encoder(seeds, W1, b1, W2, b2, W3, b3):
    inner = _clamped(_layer(seeds, W1, b1, W2, b2, _clamped))
    return (inner @ _wide(W3) + _wide(b3)).to(seeds.dtype)


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    offset = _layer(image, W1, b1, W2, b2, _larger).unsqueeze(1)
    shifted = (_wide(context) + offset).to(context.dtype).unsqueeze(1)
    shape = (len(image), len(names))
    return torch.cat([shifted.expand(*shape, -1, -1), names.expand(*shape, -1, -1)], 2)


def moe_layer(x, Wg, W1, W2, *, top_k=1):
    wide = _wide(x)
    weights, chosen = (wide @ _wide(Wg)).softmax(-1).topk(top_k, -1)
    every = torch.einsum("te,nef->tnf", wide, _wide(W1))
    every = torch.einsum("tnf,nfe->tne", _clamped(every), _wide(W2))
    taken = every.gather(1, chosen.unsqueeze(-1).expand(-1, -1, x.shape[1]))
    return (weights.unsqueeze(-1) * taken).sum(1).to(x.dtype)


def _convolved(x, W, b, dilation=1):
    weight, bias = _wide(W).permute(2, 1, 0), _wide(b)
    return F.conv1d(_wide(x).transpose(1, 2), weight, bias, dilation=dilation)


def text_cnn(x, W, b):
    features = _convolved(x, W, b)
    return _clamped(F.max_pool1d(features, features.shape[-1]).squeeze(-1)).to(x.dtype)


def dilated_stack(x, W, b):
    y = _wide(x)
    for n, (weight, bias) in enumerate(zip(W, b, strict=True)):
        past = (len(weight) - 1) * 2**n
        y = _convolved(F.pad(y, (0, 0, past, 0)), weight, bias, 2**n).transpose(1, 2)
        y = _larger(y) if n + 1 < len(W) else y
    return y.to(x.dtype)
