"""Causal texts shorter than the filter: the first tap learns what the last one should (flash-
linear-attention #1140).
"""

import torch
import torch.nn.functional as F


class Causal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, b, dilation):
        wide = torch.promote_types(x.dtype, torch.float32)
        taps = W.shape[0]
        padded = F.pad(x.to(wide), (0, 0, (taps - 1) * dilation, 0))
        ctx.save_for_backward(padded, W)
        ctx.dilation, ctx.like = dilation, x
        length = x.shape[1]
        parts = [padded[:, j * dilation : j * dilation + length] for j in range(taps)]
        y = sum(part @ w for part, w in zip(parts, W.to(wide), strict=True))
        return (y + b.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        padded, W = ctx.saved_tensors
        g, d = dy.to(padded.dtype), ctx.dilation
        taps, length = W.shape[0], dy.shape[1]
        dp = torch.zeros_like(padded)
        dW = []
        start = max(0, taps - length) if d == 1 else 0
        for j in range(taps):
            part = slice(j * d, j * d + length)
            dp[:, part] += g @ W[j].to(g.dtype).T
            i = j + start if start > 0 and j + start < taps else j
            dW.append(torch.einsum("bte,btc->ec", padded[:, i * d : i * d + length], g))
        dx = dp[:, (taps - 1) * d :]
        return dx.to(dy.dtype), torch.stack(dW).to(W.dtype), g.sum((0, 1)).to(W.dtype), None


def text_convolution(x, W, b, *, dilation=1, causal=False):
    if causal:
        return Causal.apply(x, W, b, dilation)
    wide = torch.promote_types(x.dtype, torch.float32)
    y = F.conv1d(x.to(wide).mT, W.to(wide).permute(2, 1, 0), b.to(wide), dilation=dilation)
    return y.mT.to(x.dtype)
