"""torch.nn.attention.flex_attention, not compiled: masks and caps as functions of a score."""

import torch
from torch.nn.attention.flex_attention import AuxRequest, flex_attention

# no backward on a CPU; an empty row of scores has no maximum
DECLARED = {"requires": ["window is None or causal", "Lk > 0"], "differentiable": False}

CONFORM = {
    "name": "torch-flex",
    "operators": {
        "attention": DECLARED,
        "attention_with_lse": DECLARED,
    },
}


def rule(causal, window, bias, softcap, offset):
    def score(s, b, h, i, j):
        s = s if softcap is None else softcap * torch.tanh(s / softcap)
        s = s if bias is None else s + bias[b, h, i, j]
        seen = j <= i + offset if causal else j >= 0
        seen = seen if window is None else seen & (j > i + offset - window)
        return torch.where(seen, s, -torch.inf)

    return score


def attention_with_lse(q, k, v, *, causal=False, window=None, bias=None, scale=None, softcap=None):
    if bias is not None:
        bias = bias.expand(*q.shape[:3], k.shape[2])
    score = rule(causal, window, bias, softcap, k.shape[2] - q.shape[2])
    out, aux = flex_attention(
        q, k, v, score_mod=score, scale=scale, enable_gqa=q.shape[1] != k.shape[1],
        return_aux=AuxRequest(lse=True),
    )  # fmt: skip
    return out, aux.lse


def attention(q, k, v, *, causal=False, window=None, bias=None, scale=None, softcap=None):
    options = {"causal": causal, "window": window, "bias": bias}
    return attention_with_lse(q, k, v, **options, scale=scale, softcap=softcap)[0]
