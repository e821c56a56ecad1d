"""Keys and values of every head are made from the latents, for every step."""

import torch
from _interpreted import tl, triton  # noqa: F401

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    heads, slots = q.shape[1], latent_cache.shape[1]
    keys = (latent_cache @ Wk_up).unflatten(-1, (heads, -1)).transpose(1, 2)
    values = (latent_cache @ Wv_up).unflatten(-1, (heads, -1)).transpose(1, 2)
    scores = q @ keys.mT + q_rope @ rope_cache.unsqueeze(1).mT
    scores = scores * ((q.shape[-1] + q_rope.shape[-1]) ** -0.5 if scale is None else scale)
    seen = torch.arange(slots) < lengths.view(-1, 1, 1, 1)
    weights = torch.softmax(scores.masked_fill(~seen, -torch.inf), -1)
    return torch.where(seen, weights, 0.0) @ values
