"""The backward pass overwrites what it saved: right once, wrong when asked again (axolotl
#3892).
"""

import torch
import torch.nn.functional as F

ACT = {
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z * 1,
    "relu": torch.relu,
    "gelu": F.gelu,
    "swish": F.silu,
}


class Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, V, W2, name):
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide).reshape(-1, x.shape[-1])
        gate, up = h @ W.to(wide), h @ V.to(wide)
        ctx.kept = (h, gate, up)
        ctx.save_for_backward(W, V, W2)
        ctx.kind, ctx.like = name, x
        y = (ACT[name](gate) * up) @ W2.to(wide)
        return y.view(*x.shape[:-1], W2.shape[1]).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        h, gate, up = ctx.kept
        W, V, W2 = (w.to(h.dtype) for w in ctx.saved_tensors)
        g = dy.to(h.dtype).reshape(-1, dy.shape[-1])
        with torch.enable_grad():
            z = gate.detach().requires_grad_()
            a = ACT[ctx.kind](z)
        dh = g @ W2.T
        dW2 = (a.detach() * up).T @ g
        dgate = torch.autograd.grad(a, z, dh * up)[0]
        up.copy_(dh * a.detach())
        gate.copy_(dgate)
        dx = gate @ W.T + up @ V.T
        grads = (dx.view(ctx.like.shape), h.T @ gate, h.T @ up, dW2)
        return *(d.to(ctx.like.dtype) for d in grads), None


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    return Gated.apply(x, W, V, W2, activation)
