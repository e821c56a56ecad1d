"""Split-KV: partial attentions over three stretches of keys, merged through their log-sum-exps."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def softmax_merge(m1, l1, m2, l2):
    m = torch.maximum(m1, m2)
    safe = m.clamp(min=torch.finfo(m.dtype).min)
    wide = torch.promote_types(m.dtype, torch.float32)
    w1, w2 = torch.exp(m1.to(wide) - safe), torch.exp(m2.to(wide) - safe)
    return m, (l1 * w1 + l2 * w2).to(l1.dtype)


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    safe = torch.maximum(a, b).detach().clamp(min=torch.finfo(wide).min)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    empty = wa + wb == 0
    total = (wa + wb).masked_fill(empty, 1)
    o = (wa[..., None] * o1 + wb[..., None] * o2) / total[..., None]
    return o.to(o1.dtype), (safe + total.log()).masked_fill(empty, -math.inf)


def partial(q, k, v, hidden, bias):
    s = q @ k.mT if bias is None else q @ k.mT + bias
    s = s.masked_fill(hidden, -math.inf)
    top = s.amax(-1, keepdim=True).detach().clamp(min=torch.finfo(q.dtype).min)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    empty = total == 0
    divisor = total.masked_fill(empty, 1)
    return p @ v / divisor, (top + divisor.log()).masked_fill(empty, -math.inf)[..., 0]


def attention_with_lse(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), lk = q.shape, k.shape[2]
    keys, values = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    scaled = q.to(wide) * (d**-0.5 if scale is None else scale)
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq) & causal
    hidden = (hidden if mask is None else hidden | ~mask).expand(b, h, lq, lk)
    bias = None if bias is None else bias.to(wide).expand(b, h, lq, lk)
    o = (scaled @ keys[..., :0, :].mT) @ values[..., :0, :]
    lse = torch.full((b, h, lq), -math.inf, dtype=wide)
    step = max(1, -(-lk // 3))
    for start in range(0, lk, step):
        part = slice(start, start + step)
        local = None if bias is None else bias[..., part]
        one = partial(scaled, keys[..., part, :], values[..., part, :], hidden[..., part], local)
        o, lse = attention_merge(o, lse, *one)
    return o.to(q.dtype), lse


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    return attention_with_lse(q, k, v, causal=causal, mask=mask, bias=bias, scale=scale)[0]
