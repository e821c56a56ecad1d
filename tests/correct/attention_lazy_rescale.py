"""Online softmax in base 2 that rescales only when the maximum has grown by more than 8."""

import math

import torch

LOG2E = 1.44269504088896340736


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def run(q, k, v, hidden, bias, scale, softcap, sinks, tile=32, slack=8.0):
    B, H, L, _ = q.shape
    S, g = k.shape[2], H // k.shape[1]
    Q = up(q)
    K, V = (up(t).repeat_interleave(g, 1) for t in (k, v))
    m = Q.new_full((B, H, L, 1), -math.inf)
    total = torch.zeros_like(m)
    acc = Q.new_zeros(B, H, L, v.shape[-1])
    if sinks is not None:
        m = (up(sinks).view(1, H, 1, 1) * LOG2E).detach().expand(B, H, L, 1).clone()
        total = torch.exp2(up(sinks).view(1, H, 1, 1) * LOG2E - torch.where(m == -math.inf, 0.0, m))
    for a in range(0, S, tile):
        at = slice(a, a + tile)
        s = Q @ K[:, :, at].mT
        if softcap is None and bias is None:
            s = s * (scale * LOG2E)
        else:
            s = s * scale
            if softcap is not None:
                s = torch.tanh(s / softcap) * softcap
            if bias is not None:
                s = s + up(bias).expand(B, H, L, S)[..., at]
            s = s * LOG2E
        if hidden is not None:
            s = s.masked_fill(hidden.expand(B, H, L, S)[..., at], -math.inf)
        top = s.detach().amax(-1, keepdim=True)
        new = torch.where((top - m > slack) | (m == -math.inf), torch.maximum(top, m), m)
        safe = torch.where(new == -math.inf, 0.0, new)
        alpha = torch.exp2(m - safe)
        p = torch.exp2(s - safe)
        total = total * alpha + p.sum(-1, keepdim=True)
        acc = acc * alpha + up(p.to(q.dtype)) @ V[:, :, at]
        m = new
    none = total == 0
    one = torch.where(none, 1.0, total)
    lse = torch.where(none, -math.inf, (m + torch.log2(one)) / LOG2E)
    return (acc * (1.0 / one)).to(q.dtype), lse.squeeze(-1)


def attention_with_lse(
    q, k, v, *, causal=False, mask=None, bias=None, scale=None, softcap=None, sinks=None
):
    L, S = q.shape[2], k.shape[2]
    hidden = torch.ones(L, S, dtype=torch.bool).triu(S - L + 1) if causal else None
    if mask is not None:
        hidden = ~mask if hidden is None else hidden | ~mask
    return run(
        q, k, v, hidden, bias, q.shape[-1] ** -0.5 if scale is None else scale, softcap, sinks
    )


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None, softcap=None, sinks=None):
    return attention_with_lse(
        q, k, v, causal=causal, mask=mask, bias=bias, scale=scale, softcap=softcap, sinks=sinks
    )[0]


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    S = k_cache.shape[2]
    dead = torch.arange(S) >= lengths[:, None]
    kill = dead[:, None, :, None]
    k, v = k_cache.masked_fill(kill, 0), v_cache.masked_fill(kill, 0)
    return run(
        q,
        k,
        v,
        dead[:, None, None],
        None,
        q.shape[-1] ** -0.5 if scale is None else scale,
        None,
        None,
    )[0]


CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}
