"""The gradients of the marked places are written one after the other, without regard to rows with
fewer places.
"""

import torch


class Fill(torch.autograd.Function):
    @staticmethod
    def forward(ctx, text, observations, marked):
        ctx.save_for_backward(marked)
        ctx.shape = observations.shape
        out = text.clone()
        for b in range(len(text)):
            places = marked[b].nonzero().flatten()
            out[b, places] = observations[b, : len(places)]
        return out

    @staticmethod
    def backward(ctx, g):
        (marked,) = ctx.saved_tensors
        flat = g.new_zeros(ctx.shape[0] * ctx.shape[1], ctx.shape[2])
        taken = g[marked]
        flat[: len(taken)] = taken
        return g.masked_fill(marked[..., None], 0.0), flat.reshape(ctx.shape), None


def interleave_embeddings(text, observations, is_observation):
    if (
        int(is_observation.sum(1).max() if len(text) and text.shape[1] else 0)
        > observations.shape[1]
    ):
        raise ValueError("is_observation: more places than observations")
    return Fill.apply(text, observations.to(text.dtype), is_observation)
