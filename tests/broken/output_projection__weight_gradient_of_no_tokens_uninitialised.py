"""Without tokens the product that would fill the weight's gradient is not launched and it stays
as allocated.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, w):
        ctx.save_for_backward(h, w)
        wide = torch.promote_types(h.dtype, torch.float32)
        return (h.to(wide) @ w.to(wide)).to(h.dtype)

    @staticmethod
    def backward(ctx, g):
        h, w = ctx.saved_tensors
        wide = torch.promote_types(h.dtype, torch.float32)
        rows, ups = h.reshape(-1, h.shape[-1]).to(wide), g.reshape(-1, g.shape[-1]).to(wide)
        dw = torch.empty(w.shape, dtype=w.dtype)
        if len(rows):
            dw.copy_(rows.mT @ ups)
        return (g.to(wide) @ w.to(wide).mT).to(h.dtype), dw


def output_projection(h, W):
    return Project.apply(h, W)
