"""Action tokens by rounding in float32, and a masked softmax."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def action_tokenize(actions, low, high, *, bins=256):
    clipped = torch.minimum(torch.maximum(up(actions), up(low)), up(high))
    return torch.round((clipped - up(low)) * (bins - 1) / (up(high) - up(low))).long()


def action_detokenize(tokens, low, high, *, bins=256):
    return torch.lerp(up(low), up(high), tokens / up(low).new_tensor(bins - 1)).to(low.dtype)


def constrained_probabilities(logits, allowed):
    shifted = up(logits).masked_fill(~allowed, -torch.inf)
    return torch.softmax(shifted, -1).masked_fill(~allowed, 0.0).to(logits.dtype)
