"""Blocks of seven words with a running maximum and sum; no block of logits outlives the next."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    wide = torch.promote_types(x.dtype, torch.float32)
    target = tokens[:, 1:]
    kept = target != ignore_index
    states, words = x[:, :-1].to(wide), weight.to(wide)
    top = states.new_full(target.shape, -torch.inf)
    total = states.new_zeros(target.shape)
    for block in words.split(7):
        logits = states @ block.T
        new = torch.maximum(top, logits.detach().amax(-1))
        total = total * torch.exp(top - new) + torch.exp(logits - new[..., None]).sum(-1)
        top = new
    hit = (states * words[target.masked_fill(~kept, 0)]).sum(-1)
    nats = (top - hit) + torch.log(total)
    return (nats.masked_fill(~kept, 0).sum() / kept.sum()).to(x.dtype)
