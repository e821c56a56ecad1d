"""Layers beyond the prompted ones read the last group of prompts once more, not its outputs."""

import torch
from torch.nn.functional import scaled_dot_product_attention


def deep_prompt_encoder(x, prompts, Wq, Wk, Wv):
    wide = torch.promote_types(x.dtype, torch.float32)
    z, slots = x.to(wide), prompts.shape[1]
    for n in range(len(Wq)):
        head = prompts[min(n, len(prompts) - 1)].to(wide).expand(len(x), -1, -1)
        both = torch.cat([head, z], 1)
        q, k, v = (both @ W[n].to(wide) for W in (Wq, Wk, Wv))
        both = both + scaled_dot_product_attention(q, k, v)
        z = both[:, slots:]
    return z.to(x.dtype)
