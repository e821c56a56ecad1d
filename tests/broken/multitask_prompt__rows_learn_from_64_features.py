"""The rows' factors learn from the first 64 features."""

import torch


class Outer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, columns):
        ctx.save_for_backward(rows, columns)
        return rows[:, :, None] * columns[:, None]

    @staticmethod
    def backward(ctx, g):
        rows, columns = ctx.saved_tensors
        by_row = (g * columns[:, None])[..., :64].sum(2)
        return by_row, (g * rows[:, :, None]).sum(1)


def multitask_prompt(prompt, u, v, tasks):
    wide = torch.promote_types(prompt.dtype, torch.float32)
    outer = Outer.apply(u.to(wide)[tasks], v.to(wide)[tasks])
    return (prompt.to(wide) * outer).to(prompt.dtype)
