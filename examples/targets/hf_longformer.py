"""Hugging Face transformers, Longformer: windows on both sides, by overlapping chunks."""

import torch
from torch.nn.functional import pad
from transformers import LongformerConfig
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

CONFORM = {
    "name": "hf-longformer",
    "dtypes": ["float32"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "fixed": {"causal": False},
            "requires": ["Lq == Lk", "H == K", "D == Dv", "window is not None", "Lk > 0"],
        }
    },
}


def attention(q, k, v, *, window=None):
    b, h, n, d = q.shape
    if window < 3:  # the library fails for one key on each side: FINDINGS.md
        raise NotImplementedError
    size = 2 * (window - 1)
    config = LongformerConfig(
        hidden_size=h * d, num_attention_heads=h, attention_window=[size],
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = LongformerSelfAttention(config, 0).eval()
    beyond = -n % size
    for name, x in (("query", q), ("key", k), ("value", v)):  # in the place of the projections
        rows = pad(x.transpose(1, 2).flatten(2), (0, 0, 0, beyond)).transpose(0, 1).clone()
        delattr(layer, name)
        object.__setattr__(layer, name, lambda _, rows=rows: rows)
    mask = pad(torch.zeros(b, n), (0, beyond), value=-10000.0)
    y = layer(torch.zeros(b, n + beyond, h * d), mask, mask < 0, mask > 0, False)[0]
    return y[:, :n].unflatten(-1, (h, d)).transpose(1, 2)
