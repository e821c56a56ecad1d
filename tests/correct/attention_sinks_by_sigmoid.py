"""Sinks as a factor sigmoid(lse - sink) on a softmax without them, in float32, rounded once."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {
        "attention": {"requires": ["Lk > 0", "sinks is not None", "not causal or Lq <= Lk"]},
    },
}


def attention(q, k, v, *, causal=False, bias=None, scale=None, softcap=None, sinks=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    keys, values = (t.to(wide).repeat_interleave(group, 1) for t in (k, v))
    s = q.to(wide) @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    if causal:
        past = torch.ones(s.shape[-2:], dtype=torch.bool).tril(s.shape[-1] - s.shape[-2])
        s = s.masked_fill(~past, -torch.inf)
    lse = torch.logsumexp(s, -1, keepdim=True)
    share = torch.sigmoid(lse - sinks.to(wide).view(1, -1, 1, 1))
    return (torch.exp(s - lse) @ values * share).to(q.dtype)
