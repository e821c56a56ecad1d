"""A task that several sequences share learns from the last of them."""

import torch


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prompts, tasks):
        ctx.save_for_backward(tasks)
        ctx.size = prompts.shape
        return prompts[tasks]

    @staticmethod
    def backward(ctx, slope):
        (tasks,) = ctx.saved_tensors
        full = slope.new_zeros(ctx.size)
        for b, t in enumerate(tasks.tolist()):
            full[t] = slope[b]
        return full, None


def mixed_prompts(embeddings, prompts, tasks):
    return torch.cat([_Rows.apply(prompts, tasks).to(embeddings.dtype), embeddings], 1)
