"""Hand-written backward passes from saved results: outputs, probabilities in the input's dtype."""

import torch
import torch.nn.functional as F


def up(t):
    return t if t.dtype == torch.float64 else t.float()


class FromOutput(torch.autograd.Function):
    """Softmax whose backward reads the rounded output, as torch's own."""

    @staticmethod
    def forward(ctx, x):
        y = up(x).softmax(-1).to(x.dtype)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        a, b = up(g), up(y)
        return (b * (a - (a * b).sum(-1, keepdim=True))).to(g.dtype)


def softmax(x):
    return FromOutput.apply(x)


class Attend(torch.autograd.Function):
    """Probabilities are stored in the input's dtype and read again; no recomputation."""

    @staticmethod
    def forward(ctx, q, k, v, seen, scale):
        s = up(q) @ up(k).mT * scale
        p = s.masked_fill(~seen, -torch.inf).softmax(-1).nan_to_num(0.0).to(q.dtype)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return (up(p) @ up(v)).to(q.dtype)

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        G, P = up(g), up(p)
        dv = P.mT @ G
        dp = G @ up(v).mT
        ds = (P * (dp - (P * dp).sum(-1, keepdim=True))).to(q.dtype)
        dq = up(ds) @ up(k) * ctx.scale
        dk = up(ds).mT @ up(q) * ctx.scale
        return dq.to(q.dtype), dk.to(q.dtype), dv.to(q.dtype), None, None


def visible(L, S, causal, window):
    i, j = torch.arange(L)[:, None] + S - L, torch.arange(S)
    seen = torch.ones(L, S, dtype=torch.bool)
    if causal:
        seen &= j <= i
    if window is not None:
        seen &= (i - j).abs() < window
    return seen


def attention(q, k, v, *, causal=False, window=None, mask=None, scale=None):
    B, H, L, D = q.shape
    K, S = k.shape[1], k.shape[2]
    seen = visible(L, S, causal, window)
    seen = seen if mask is None else seen & mask
    k, v = (t[:, :, None].expand(B, K, H // K, S, t.shape[-1]).reshape(B, H, S, -1) for t in (k, v))
    return Attend.apply(q, k, v, seen.expand(B, H, L, S), D**-0.5 if scale is None else scale)


class Rnn(torch.autograd.Function):
    """Backpropagation through time by hand from the states as returned."""

    @staticmethod
    def forward(ctx, x, h, Wx, Wh, b):
        wh = up(Wh)
        a = up(x) @ up(Wx) + up(b)
        s, out = up(h), []
        for t in range(x.shape[1]):
            s = torch.tanh(a[:, t] + s @ wh)
            out.append(s)
        y = torch.stack(out, 1) if out else a
        ctx.save_for_backward(x, h, Wx, Wh, y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, h, Wx, Wh, y = ctx.saved_tensors
        g, wh = up(g), up(Wh)
        carried = torch.zeros_like(up(h))
        grads = []
        for t in reversed(range(x.shape[1])):
            d = (g[:, t] + carried) * (1 - y[:, t].square())
            grads.append(d)
            carried = d @ wh.T
        d = torch.stack(grads[::-1], 1) if grads else torch.zeros_like(y)
        before = torch.cat([up(h)[:, None], y[:, :-1]], 1) if grads else y
        return (
            (d @ up(Wx).T).to(x.dtype), carried.to(h.dtype),
            torch.einsum("bli,blh->ih", up(x), d).to(Wx.dtype),
            torch.einsum("bli,blh->ih", before, d).to(Wh.dtype), d.sum((0, 1)).to(Wx.dtype),
        )  # fmt: skip


def rnn(x, h0, Wx, Wh, b):
    return Rnn.apply(x, h0, Wx, Wh, b)


class GeluTanh(torch.autograd.Function):
    """The tanh is saved in float32 and its slope is 1 - t^2."""

    @staticmethod
    def forward(ctx, x):
        a = up(x)
        t = torch.tanh(0.7978845608028654 * (a + 0.044715 * a**3))
        ctx.save_for_backward(x, t)
        return (0.5 * a * (1 + t)).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, t = ctx.saved_tensors
        a = up(x)
        slope = 0.7978845608028654 * (1 + 3 * 0.044715 * a * a)
        return (up(g) * (0.5 * (1 + t) + 0.5 * a * (1 - t * t) * slope)).to(x.dtype)


def gelu(x):
    return GeluTanh.apply(x)


class SwiGlu(torch.autograd.Function):
    """Gate and value saved in the input's dtype, their product made again (as Liger does)."""

    @staticmethod
    def forward(ctx, gate, value):
        ctx.save_for_backward(gate, value)
        return F.silu(up(gate)).to(gate.dtype) * value

    @staticmethod
    def backward(ctx, g):
        gate, value = ctx.saved_tensors
        a, b, d = up(gate), up(value), up(g)
        s = torch.sigmoid(a)
        return (d * b * s * (1 + a * (1 - s))).to(g.dtype), (d * a * s).to(g.dtype)


def glu_feed_forward(x, W, V, W2):
    return SwiGlu.apply(x @ W, x @ V) @ W2


class CrossEntropy(torch.autograd.Function):
    """The gradient overwrites a copy of the logits in their own dtype during the forward pass."""

    @staticmethod
    def forward(ctx, logits, targets, ignore):
        kept = targets != ignore
        a = up(logits)
        lse = a.logsumexp(-1)
        safe = targets.masked_fill(~kept, 0)
        losses = (lse - a.gather(-1, safe[..., None])[..., 0]).masked_fill(~kept, 0.0)
        n = kept.sum()
        grad = (a - lse[..., None]).exp() - F.one_hot(safe, a.shape[-1])
        ctx.save_for_backward((grad * kept[..., None] / n).to(logits.dtype))
        return (losses.sum() / n).to(logits.dtype)

    @staticmethod
    def backward(ctx, g):
        (grad,) = ctx.saved_tensors
        return grad * g, None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    return CrossEntropy.apply(logits[:, :-1], tokens[:, 1:], ignore_index)


def maskgit_loss(logits, tokens, mask):
    return CrossEntropy.apply(logits, tokens.masked_fill(~mask, -100), -100)


def masked_language_model_loss(logits, tokens, selected):
    return CrossEntropy.apply(logits, torch.where(selected, tokens, -100), -100)


CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"gelu": {"conventions": {"gelu": "tanh"}}, "attention": {"requires": ["Lk > 0"]}},
}
