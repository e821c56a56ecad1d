"""Where a task occurs twice in the batch the gradient of its last row replaces the others'."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


class Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, index):
        ctx.save_for_backward(index)
        ctx.shape = table.shape
        return table[index]

    @staticmethod
    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        grad = g.new_zeros(ctx.shape)
        grad[index] = g
        return grad, None


def multitask_prompt(prompt, u, v, tasks):
    a, b = Rows.apply(up(u), tasks), Rows.apply(up(v), tasks)
    return (up(prompt) * (a[:, :, None] * b[:, None, :])).to(prompt.dtype)
