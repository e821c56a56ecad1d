"""The lowest layers are adapted in the place of the topmost."""

import torch

MISTAKE = "llama_adapter_states.bottom-layers"


def layer(x, prompt, Wq, Wk, Wv, Wo, gate, heads):
    q, k, v = ((x @ W).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    out = scores.masked_fill(later, -torch.inf).softmax(-1) @ v
    if prompt is not None:
        pk, pv = ((prompt @ W).unflatten(-1, (heads, -1)).transpose(0, 1) for W in (Wk, Wv))
        weights = (q @ pk.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        out = out + torch.tanh(gate)[:, None, None] * (weights @ pv)
    return out.transpose(1, 2).flatten(2) @ Wo


def llama_adapter_states(x, prompts, gates, Wq, Wk, Wv, Wo, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, *tensors = (t.to(wide) for t in (x, prompts, gates, Wq, Wk, Wv, Wo))
    prompts, gates, *weights = tensors
    states = []
    for n in range(len(Wq)):
        inside = n < len(prompts)
        own = (prompts[n], gates[n]) if inside else (None, None)
        y = y + layer(y, own[0], *(W[n] for W in weights), own[1], heads)
        states.append(y)
    return torch.stack(states).to(x.dtype)
