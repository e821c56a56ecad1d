"""x-transformers: Attend (not flash), rotary embedding, ALiBi, T5 buckets, feed-forwards."""

from fractions import Fraction

import torch
from torch import nn
from torch.func import functional_call
from x_transformers.attend import Attend
from x_transformers.x_transformers import (
    AlibiPositionalBias,
    FeedForward,
    RelativePositionBias,
    RotaryEmbedding,
    apply_rotary_pos_emb,
)

CONFORM = {
    "name": "x-transformers",
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            # zeros where `mask` alone hides a row, the mean of the values where causality does
            "conventions": {"heads": "tiled", "masked_rows": "any"},
            "requires": ["softcap is None or bias is None"],  # the bias is clamped too
        },
        "rope": {
            "conventions": {"rope_pairing": "interleaved"},
            # the library divides by dim - 2, and refuses to stretch positions apart
            "requires": ["D > 2", "rotary_dim is None or rotary_dim > 2", "scaling >= 1"],
        },
    },
}

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "swish": nn.SiLU(),
    "sigmoid": nn.Sigmoid(),
    "identity": nn.Identity(),
}


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None, softcap=None):
    clamp = {} if softcap is None else {"softclamp_logits": True, "logit_softclamp_value": softcap}
    attend = Attend(causal=causal, heads=q.shape[1], scale=scale, **clamp)
    if mask is not None:  # Attend reads a mask of two dimensions as one of the keys
        mask = mask.expand(*q.shape[:3], k.shape[2])
    return attend(q, k, v, mask=mask, attn_bias=bias)[0]


def rope(x, positions, *, base=10000.0, scaling=1.0, rotary_dim=None):
    rotary = RotaryEmbedding(rotary_dim or x.shape[-1], base=base, interpolation_factor=scaling)
    freqs, _ = rotary(positions)
    heads = x.reshape(freqs.shape[0], -1, *x.shape[-2:])
    return apply_rotary_pos_emb(heads, freqs).reshape(x.shape)


def alibi_slopes(heads):
    return AlibiPositionalBias(heads).slopes.flatten()


def alibi_bias(heads, Lq, Lk):
    return AlibiPositionalBias(heads)(Lq, Lk)


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    return RelativePositionBias._relative_position_bucket(
        relative, not bidirectional, buckets, max_distance
    )


def empty_feed_forward(W, activation, glu):
    width = Fraction(W.shape[1], W.shape[0])  # a float would be truncated to one less
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        return FeedForward(
            W.shape[0], mult=width, glu=glu, custom_activation=ACTIVATIONS[activation]
        )


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    layer = empty_feed_forward(W1, activation, False)
    names = ("ff.0.0.weight", "ff.0.0.bias", "ff.2.weight", "ff.2.bias")
    return functional_call(layer, dict(zip(names, (W1.T, b1, W2.T, b2), strict=True)), x)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    layer = empty_feed_forward(W, activation, True)
    weights = {
        "ff.0.proj.weight": torch.cat([V, W], dim=1).T,  # the gate is the second half
        "ff.0.proj.bias": W.new_zeros(2 * W.shape[1]),
        "ff.2.weight": W2.T,
        "ff.2.bias": W2.new_zeros(W2.shape[1]),
    }
    return functional_call(layer, weights, x)
