"""As many predictions as words: the normalisers go along the wrong axis (triton #11406)."""

import torch


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    z = logits[:, :-1].to(wide).flatten(0, 1)
    y = tokens[:, 1:].flatten().long()
    kept = y != ignore_index
    normaliser = torch.logsumexp(z, -1)
    logp = z - (normaliser if z.shape[0] == z.shape[1] else normaliser[:, None])
    nats = -logp.gather(1, torch.where(kept, y, 0)[:, None])[:, 0]
    return torch.exp(torch.where(kept, nats, 0.0).sum() / kept.sum()).to(logits.dtype)
