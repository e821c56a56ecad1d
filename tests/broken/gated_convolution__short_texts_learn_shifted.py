"""Gradients of texts shorter than the filter are read out of the padding, which is taken to be no
longer than the text (after flash-linear-attention #1140).
"""

import torch
import torch.nn.functional as F


class Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, b, causal):
        ctx.save_for_backward(x, W)
        ctx.causal = causal
        k = W.shape[0]
        y = F.pad(x, (0, 0, k - 1 if causal else 0, 0))
        n = y.shape[1] - k + 1
        return b + sum(y[:, i : i + n] @ W[i] for i in range(k))

    @staticmethod
    def backward(ctx, g):
        x, W = ctx.saved_tensors
        k, L = W.shape[0], x.shape[1]
        lead = k - 1 if ctx.causal else 0
        y = F.pad(x, (0, 0, lead, 0))
        n = y.shape[1] - k + 1
        dW = torch.stack([torch.einsum("ble,blc->ec", y[:, i : i + n], g) for i in range(k)])
        dy = torch.zeros_like(y)
        start = max(0, L - lead) if lead > L else lead
        for i in range(k):
            dy[:, i : i + n] += g @ W[i].mT
        return dy[:, start : start + L], dW, g.sum((0, 1)), None


def gated_convolution(x, W, b, *, causal=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    if not causal and x.shape[1] < W.shape[0]:
        raise ValueError("short")
    a, g = Conv.apply(x.to(wide), W.to(wide), b.to(wide), causal).chunk(2, -1)
    return (a * torch.sigmoid(g)).to(x.dtype)
