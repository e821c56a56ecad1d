"""Whatever comes is widened to float64, computed plainly, and rounded once at the end."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def d(*ts):
    return [t.double() for t in ts]


def attention_with_lse(
    q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
    sinks=None,
):  # fmt: skip
    a, b, c = d(q, k, v)
    g = a.shape[1] // b.shape[1]
    s = a @ b.repeat_interleave(g, 1).mT * (a.shape[-1] ** -0.5 if scale is None else scale)
    s = s if softcap is None else softcap * (s / softcap).tanh()
    s = s if bias is None else s + bias.double()
    i = torch.arange(s.shape[-2])[:, None] + s.shape[-1] - s.shape[-2]
    j = torch.arange(s.shape[-1])
    see = torch.ones(s.shape, dtype=torch.bool)
    see = see & (j <= i) if causal else see
    see = see & ((i - j).abs() < window) if window is not None else see
    see = see & mask if mask is not None else see
    s = s.masked_fill(~see, -torch.inf)
    z = (
        s
        if sinks is None
        else torch.cat([s, sinks.double().view(1, -1, 1, 1).expand(*s.shape[:3], 1)], -1)
    )
    lse = torch.logsumexp(z, -1) if z.shape[-1] else z.new_full(z.shape[:3], -torch.inf)
    p = torch.exp(s - torch.where(lse == -torch.inf, 0.0, lse)[..., None])
    return (p @ c.repeat_interleave(g, 1)).to(q.dtype), lse.to(
        torch.promote_types(q.dtype, torch.float32)
    )


def attention(
    q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
    sinks=None,
):  # fmt: skip
    return attention_with_lse(
        q,
        k,
        v,
        causal=causal,
        window=window,
        mask=mask,
        bias=bias,
        scale=scale,
        softcap=softcap,
        sinks=sinks,
    )[0]


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    act = {
        "relu": F.relu,
        "gelu": F.gelu,
        "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda t: t,
    }[activation]
    y, a, b, c, e = d(x, W1, b1, W2, b2)
    return (act(y @ a + b) @ c + e).to(x.dtype)


def linear_attention(q, k, v, *, causal=False):
    a, b, c = d(q, k, v)
    a, b = F.elu(a) + 1, F.elu(b) + 1
    w = a @ b.mT
    w = w.tril() if causal else w
    return (w / w.sum(-1, keepdim=True) @ c).to(q.dtype)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    y, w, a, b, m = d(x, W0, A, B, magnitude)
    V = w + alpha / len(a) * b @ a
    return F.linear(y, V / torch.linalg.vector_norm(V, dim=1, keepdim=True) * m[:, None]).to(
        x.dtype
    )


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *, heads, causal=False,
    norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    y, q, k, v, o, w1, c1, w2, c2, g1, h1, g2, h2 = d(
        x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2
    )

    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(1, 2)

    def sa(t):
        o_ = F.scaled_dot_product_attention(
            split(t @ q), split(t @ k), split(t @ v), is_causal=causal
        )
        return o_.transpose(1, 2).flatten(2) @ o

    def ff(t):
        return feed_forward(t, w1, c1, w2, c2, activation=activation)

    def n1(t):
        return F.layer_norm(t, t.shape[-1:], g1, h1, eps)

    def n2(t):
        return F.layer_norm(t, t.shape[-1:], g2, h2, eps)

    y = y + sa(n1(y)) if norm == "pre" else n1(y + sa(y))
    return (y + ff(n2(y)) if norm == "pre" else n2(y + ff(y))).to(x.dtype)
