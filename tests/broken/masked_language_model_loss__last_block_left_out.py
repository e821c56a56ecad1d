"""The vocabulary goes in blocks of 1024; a last block that is not full counts nothing."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def masked_language_model_loss(logits, tokens, selected):
    y = up(logits)
    V = y.shape[-1]
    stop = max(V // 1024, 1) * 1024
    parts = [torch.logsumexp(y[..., a : a + 1024], -1) for a in range(0, min(stop, V), 1024)]
    z = torch.logsumexp(torch.stack(parts), 0)
    nats = z - y.gather(-1, tokens[..., None])[..., 0]
    return (torch.where(selected, nats, 0.0).sum() / selected.sum()).to(logits.dtype)
