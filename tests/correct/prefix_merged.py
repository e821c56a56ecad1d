"""Prefix attention as two partial attentions merged by log-sum-exp; gated prompts by loops."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def scores_of(q, k, scale):
    return torch.einsum("bhid,bhjd->bhij", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)


def partial(scores, v):
    """(output, log-sum-exp) over the last dimension; zeros and -inf for a row without keys."""
    lse = torch.logsumexp(scores, -1, keepdim=True)
    weights = torch.where(torch.isneginf(lse), 0.0, torch.exp(scores - torch.clamp(lse, min=-1e30)))
    return torch.einsum("bhij,bhjd->bhid", weights, v), lse


def hide(scores, causal):
    if not causal:
        return scores
    Lq, Lk = scores.shape[-2:]
    later = torch.arange(Lk) > torch.arange(Lq).unsqueeze(1) + Lk - Lq
    return scores.masked_fill(later, -torch.inf)


def heads(x, count):
    return wide(x).repeat_interleave(count // x.shape[1], dim=1)


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    H = q.shape[1]
    tokens = partial(hide(scores_of(wide(q), heads(k, H), scale), causal), heads(v, H))
    if pk.shape[1] == 0:
        return tokens[0].to(q.dtype)
    keys, values = (wide(p).expand(q.shape[0], *p.shape) for p in (pk, pv))
    prefix = partial(scores_of(wide(q), keys, scale), values)
    share = torch.sigmoid(prefix[1] - tokens[1])
    return ((1 - share) * tokens[0] + share * prefix[0]).to(q.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    H = q.shape[1]
    tokens, _ = partial(hide(scores_of(wide(q), heads(k, H), None), causal), heads(v, H))
    each = []
    for h in range(H):
        scores = wide(q)[:, h] @ wide(pk)[h].T * q.shape[-1] ** -0.5
        each.append(torch.tanh(wide(gate)[h]) * (torch.softmax(scores, -1) @ wide(pv)[h]))
    return (tokens + torch.stack(each, 1)).to(q.dtype)
