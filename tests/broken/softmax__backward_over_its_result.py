"""The backward pass writes into the saved result, which is the caller's (ggml-org/llama.cpp #27096,
linkedin/Liger-Kernel #272).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        wide = torch.promote_types(x.dtype, torch.float32)
        y = torch.softmax(x.to(wide), -1).to(x.dtype)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        p, g = torch.softmax(x.to(wide), -1), g.to(wide)
        out = (p * (g - (p * g).sum(-1, keepdim=True))).to(x.dtype)
        y.data.copy_(out)
        return out


def softmax(x):
    return Softmax.apply(x)
