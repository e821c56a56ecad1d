"""Hidden scores are filled with -1e9, as tutorials do."""

import torch

CONFORM = {"operators": {"attention": {"options": ["causal", "mask", "scale"]}}}


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    k, v = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    scores = q.to(wide) @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    visible = torch.ones(scores.shape[-2:], dtype=torch.bool)
    if causal:
        visible = visible.tril(k.shape[2] - q.shape[2])
    if mask is not None:
        visible = visible & mask
    weights = scores.masked_fill(~visible, -1e9).softmax(-1)
    weights = weights.masked_fill(~visible.any(-1, keepdim=True), 0.0)
    return (weights @ v).to(q.dtype)
