"""Autograd Functions with their backward written out by hand, float32 inside."""

import math

import torch


class _RMS(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, eps):
        xf = x.float()
        inv = (xf * xf).mean(-1, keepdim=True).add(eps).rsqrt()
        ctx.save_for_backward(x, w, inv)
        return (xf * inv * w.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, w, inv = ctx.saved_tensors
        xf, dyf = x.float(), dy.float()
        xh = xf * inv
        g = dyf * w.float()
        dx = inv * (g - xh * (g * xh).mean(-1, keepdim=True))
        dw = (dyf * xh).flatten(0, -2).sum(0)
        return dx.to(x.dtype), dw.to(w.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return _RMS.apply(x, gamma, eps)


class _LN(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b, eps):
        xf = x.float()
        mu = xf.mean(-1, keepdim=True)
        var = (xf - mu).pow(2).mean(-1, keepdim=True)
        rstd = 1 / torch.sqrt(var + eps)
        ctx.save_for_backward(x, w, mu, rstd)
        return ((xf - mu) * rstd * w + b).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, w, mu, rstd = ctx.saved_tensors
        xhat = (x.float() - mu) * rstd
        dyf = dy.float()
        wdy = w.float() * dyf
        c1 = (xhat * wdy).mean(-1, keepdim=True)
        c2 = wdy.mean(-1, keepdim=True)
        dx = (wdy - (xhat * c1 + c2)) * rstd
        red = tuple(range(x.dim() - 1))
        return dx.to(x.dtype), (dyf * xhat).sum(red).to(w.dtype), dyf.sum(red).to(w.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return _LN.apply(x, gamma, beta, eps)


class _CE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, ignore):
        x = logits.float()
        lse = x.logsumexp(-1)
        keep = target != ignore
        t = torch.where(keep, target, 0)
        loss = ((lse - x.gather(-1, t[..., None])[..., 0]) * keep).sum() / keep.sum()
        ctx.save_for_backward(logits, lse, t, keep)
        return loss

    @staticmethod
    def backward(ctx, g):
        logits, lse, t, keep = ctx.saved_tensors
        d = (logits.float() - lse[..., None]).exp()
        d.scatter_add_(-1, t[..., None], torch.full_like(d[..., :1], -1.0))
        d = d * (keep[..., None] / keep.sum()) * g
        return d.to(logits.dtype), None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    return _CE.apply(logits[:, :-1], tokens[:, 1:], ignore_index)


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        f = x.float()
        return (0.5 * f * (1 + torch.erf(f / math.sqrt(2)))).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        f = x.float()
        cdf = 0.5 * (1 + torch.erf(f / math.sqrt(2)))
        pdf = torch.exp(-0.5 * f * f) / math.sqrt(2 * math.pi)
        return (dy.float() * (cdf + f * pdf)).to(x.dtype)


def gelu(x, *, approximate="none"):
    if approximate != "none":
        raise NotImplementedError(approximate)
    return _Gelu.apply(x)


class _Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        ctx.save_for_backward(x)
        ctx.beta = beta
        f = x.float()
        return (f * torch.sigmoid(beta * f)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        f = x.float()
        s = torch.sigmoid(ctx.beta * f)
        return (dy.float() * (s + ctx.beta * f * s * (1 - s))).to(x.dtype), None


def swish(x, *, beta=1.0):
    return _Swish.apply(x, beta)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        f = x.float()
        e = (f - f.max(-1, keepdim=True).values).exp()
        y = e / e.sum(-1, keepdim=True)
        ctx.save_for_backward(y)
        ctx.dt = x.dtype
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        d = dy.float()
        return (y * (d - (d * y).sum(-1, keepdim=True))).to(ctx.dt)


def softmax(x):
    return _Softmax.apply(x)


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cos, sin, sign):
        ctx.save_for_backward(cos, sin)
        a, b = x.float().chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        cos, sin = ctx.saved_tensors
        a, b = dy.float().chunk(2, -1)
        return torch.cat((a * cos + b * sin, b * cos - a * sin), -1).to(dy.dtype), None, None, None


def rope(x, positions, *, base=10000.0):
    d = x.shape[-1]
    inv = 1.0 / base ** (torch.arange(0, d, 2).float() / d)
    ang = positions[..., None].float() * inv
    if positions.dim() == 2:
        ang = ang.unsqueeze(1)
    return _Rope.apply(x, ang.cos(), ang.sin(), 1)
