"""Prefix attention as two partial attentions merged by running maxima; gated prompts by loops."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def scores_of(q, k, scale):
    return torch.einsum("bhid,bhjd->bhij", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)


def partial(scores, v):
    """(row maximum, row sum, unnormalised output); a row without keys has maximum -1e30, sum 0."""
    top = scores.detach().amax(-1, keepdim=True).clamp(min=-1e30)
    weights = torch.exp(scores - top)
    return top, weights.sum(-1, keepdim=True), torch.einsum("bhij,bhjd->bhid", weights, v)


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
    parts = [tokens]
    if pk.shape[1]:
        keys, values = (wide(p).expand(q.shape[0], *p.shape) for p in (pk, pv))
        parts.append(partial(scores_of(wide(q), keys, scale), values))
    top = torch.stack([part[0] for part in parts]).amax(0)
    total = sum(torch.exp(m - top) * s for m, s, _ in parts)
    out = sum(torch.exp(m - top) * o for m, _, o in parts)
    return (out / torch.where(total == 0, 1.0, total)).to(q.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    H = q.shape[1]
    _, total, out = partial(hide(scores_of(wide(q), heads(k, H), None), causal), heads(v, H))
    tokens = out / torch.where(total == 0, 1.0, total)
    each = []
    for h in range(H):
        scores = wide(q)[:, h] @ wide(pk)[h].T * q.shape[-1] ** -0.5
        each.append(torch.tanh(wide(gate)[h]) * (torch.softmax(scores, -1) @ wide(pv)[h]))
    return (tokens + torch.stack(each, 1)).to(q.dtype)
