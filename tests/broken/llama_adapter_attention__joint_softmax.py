"""One softmax over prompts and tokens; the gate multiplies the weights of the prompts."""

import torch

MISTAKE = "llama_adapter_attention.joint-softmax"


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    wide = torch.promote_types(q.dtype, torch.float32)
    group, scale = q.shape[1] // k.shape[1], q.shape[-1] ** -0.5
    k, v = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    visible = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    if causal:
        visible = visible.tril(k.shape[2] - q.shape[2])
    scores = (q.to(wide) @ k.transpose(-1, -2) * scale).masked_fill(~visible, -torch.inf)
    prompts = q.to(wide) @ pk.to(wide).transpose(-1, -2) * scale
    g = gate.to(wide)[:, None, None]
    weights = torch.nan_to_num(torch.cat([prompts, scores], -1).softmax(-1))
    P = pk.shape[1]
    gated = torch.tanh(g) * (weights[..., :P] @ pv.to(wide))
    return (gated + weights[..., P:] @ v).to(q.dtype)
