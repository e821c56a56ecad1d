"""autograd.Functions whose backward is written by hand: norms, activations, attention, losses."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Rms(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        y = up(x)
        r = torch.rsqrt((y * y).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, r)
        return (y * r * up(gamma)).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        x, gamma, r = ctx.saved_tensors
        y, g = up(x), up(g)
        gw = g * up(gamma)
        n = y * r
        dx = r * (gw - n * (gw * n).mean(-1, keepdim=True))
        dg = (g * n).reshape(-1, x.shape[-1]).sum(0)
        return dx.to(x.dtype), dg.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return Rms.apply(x, gamma, eps)


class Swiglu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        u = up(a)
        return (u * torch.sigmoid(u) * up(b)).to(a.dtype)

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        u, g = up(a), up(g)
        s = torch.sigmoid(u)
        return (g * up(b) * s * (1 + u * (1 - s))).to(a.dtype), (g * u * s).to(b.dtype)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    if activation != "swish":
        raise NotImplementedError
    return Swiglu.apply(x @ W, x @ V) @ W2


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        ctx.save_for_backward(x)
        ctx.beta = beta
        y = up(x)
        return (y * torch.sigmoid(beta * y)).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        y = up(x)
        s = torch.sigmoid(ctx.beta * y)
        return (up(g) * (s + ctx.beta * y * s * (1 - s))).to(x.dtype), None


def swish(x, *, beta=1.0):
    return Swish.apply(x, beta)


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        y = up(x)
        return (0.5 * y * torch.erfc(-y * math.sqrt(0.5))).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        y = up(x)
        d = 0.5 * torch.erfc(-y * math.sqrt(0.5)) + y * torch.exp(-0.5 * y * y) / math.sqrt(
            2 * math.pi
        )
        return (up(g) * d).to(x.dtype)


def gelu(x):
    return Gelu.apply(x)


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, tokens, ignore):
        z, t = up(logits[:, :-1]), tokens[:, 1:]
        keep = t != ignore
        count = keep.sum()
        lse = torch.logsumexp(z, -1)
        at = z.gather(-1, t.clamp(min=0, max=z.shape[-1] - 1)[..., None])[..., 0]
        loss = ((lse - at) * keep).sum() / count
        ctx.save_for_backward(logits, tokens, lse)
        ctx.ignore = ignore
        return loss.to(logits.dtype)

    @staticmethod
    def backward(ctx, g):
        logits, tokens, lse = ctx.saved_tensors
        z, t = up(logits[:, :-1]), tokens[:, 1:]
        keep = t != ctx.ignore
        p = torch.exp(z - lse[..., None])
        one = torch.zeros_like(p).scatter_(-1, t.clamp(min=0, max=z.shape[-1] - 1)[..., None], 1.0)
        d = torch.where(keep[..., None], p - one, 0.0) * (up(g) / keep.sum())
        full = torch.zeros_like(logits)
        full[:, :-1] = d.to(logits.dtype)
        return full, None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    return Loss.apply(logits, tokens, ignore_index)


class Attn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, causal, scale):
        g = q.shape[1] // k.shape[1]
        qq, kk, vv = up(q), up(k).repeat_interleave(g, 1), up(v).repeat_interleave(g, 1)
        s = torch.einsum("bhid,bhjd->bhij", qq, kk) * scale
        if causal:
            Lq, Lk = s.shape[-2:]
            s = s.masked_fill(torch.ones(Lq, Lk, dtype=torch.bool).triu(Lk - Lq + 1), -math.inf)
        top = s.amax(-1, keepdim=True) if s.shape[-1] else s.new_zeros(*s.shape[:-1], 1)
        top = torch.where(top == -math.inf, 0.0, top)
        p = torch.exp(s - top)
        z = p.sum(-1, keepdim=True)
        p = p / torch.where(z == 0, 1.0, z)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return (p @ vv).to(q.dtype)

    @staticmethod
    def backward(ctx, go):
        q, k, v, p = ctx.saved_tensors
        g = q.shape[1] // k.shape[1]
        qq, kk, vv, d = up(q), up(k).repeat_interleave(g, 1), up(v).repeat_interleave(g, 1), up(go)
        dp = d @ vv.mT
        ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * ctx.scale
        dq = ds @ kk
        dk = (ds.mT @ qq).unflatten(1, (-1, g)).sum(2)
        dv = (p.mT @ d).unflatten(1, (-1, g)).sum(2)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None


def attention(q, k, v, *, causal=False, scale=None):
    return Attn.apply(q, k, v, causal, q.shape[-1] ** -0.5 if scale is None else scale)


class Lora(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, s):
        xa = x @ A.mT
        ctx.save_for_backward(x, W0, A, B, xa)
        ctx.s = s
        return x @ W0.mT + (xa @ B.mT) * s

    @staticmethod
    def backward(ctx, g):
        x, W0, A, B, xa = ctx.saved_tensors
        f, gx, h = (
            x.reshape(-1, x.shape[-1]),
            g.reshape(-1, g.shape[-1]),
            xa.reshape(-1, xa.shape[-1]),
        )
        gB = g @ B * ctx.s
        return g @ W0 + gB @ A, gx.mT @ f, gB.reshape(-1, len(A)).mT @ f, gx.mT @ h * ctx.s, None


def lora_linear(x, W0, A, B, *, alpha):
    return Lora.apply(x, W0, A, B, alpha / A.shape[0])
