"""LoRA's relatives as one einsum each, F.linear in pieces, prefixes and gates in one softmax."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def lora_linear(x, W0, A, B, *, alpha):
    return F.linear(x, W0) + F.linear(x * (alpha / len(A)), A) @ B.T


def lora_merge(W0, A, B, *, alpha):
    return torch.addmm(up(W0), up(B), up(A), alpha=alpha / len(A)).to(W0.dtype)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    s = alpha / len(A)
    V = up(W0) + s * (up(B) @ up(A))
    n = torch.linalg.norm(V.detach(), dim=1)
    g = up(magnitude) / n
    y = up(x)
    return ((F.linear(y, up(W0)) + F.linear(F.linear(y, up(A)), up(B)) * s) * g).to(x.dtype)


def loha_delta(A1, B1, A2, B2, *, alpha):
    r = len(A1)
    p = torch.einsum("or,ri,os,si->oi", up(B1), up(A1), up(B2), up(A2))
    return (p * (alpha / r)).to(A1.dtype)


def lokr_delta(C, A, B, *, alpha):
    d = up(B) @ up(A) * (alpha / len(A))
    return torch.einsum("ab,cd->acbd", up(C), d).reshape(C.shape[0] * d.shape[0], -1).to(C.dtype)


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    f = {
        "relu": F.relu,
        "gelu": F.gelu,
        "swish": F.silu,
        "identity": torch.nn.Identity(),
        "sigmoid": torch.sigmoid,
    }.get(activation)
    if f is None:
        raise NotImplementedError
    return F.linear(f(F.linear(h, Wdown.mT, bdown)), Wup.mT, bup) + h


def ia3_linear(x, W0, b0, scale):
    return F.linear(x, W0, b0) * scale


def prefix_attention(q, k, v, pk, pv, *, scale=None):
    _, H, _, D = q.shape
    g = H // k.shape[1]
    s = D**-0.5 if scale is None else scale
    a = torch.einsum("bhid,hpd->bhip", up(q), up(pk)) * s
    b = torch.einsum("bhid,bhjd->bhij", up(q), up(k).repeat_interleave(g, 1)) * s
    z = torch.logsumexp(
        torch.cat([torch.logsumexp(a, -1, keepdim=True), torch.logsumexp(b, -1, keepdim=True)], -1),
        -1,
        keepdim=True,
    )
    return (
        torch.einsum("bhip,hpd->bhid", (a - z).exp(), up(pv))
        + (b - z).exp() @ up(v).repeat_interleave(g, 1)
    ).to(q.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    g = q.shape[1] // k.shape[1]
    s = up(q) @ up(k).repeat_interleave(g, 1).mT / q.shape[-1] ** 0.5
    if causal:
        s = s + torch.full(s.shape[-2:], -torch.inf, dtype=s.dtype).triu(
            s.shape[-1] - s.shape[-2] + 1
        )
    p = (up(q) @ up(pk).mT / q.shape[-1] ** 0.5).softmax(-1) * torch.tanh(up(gate))[:, None, None]
    w = torch.cat(
        [
            p,
            torch.where((s > -torch.inf).any(-1, keepdim=True), s, 0.0).softmax(-1)
            * (s > -torch.inf),
        ],
        -1,
    )
    vals = torch.cat([up(pv).expand(len(q), -1, -1, -1), up(v).repeat_interleave(g, 1)], 2)
    return (w @ vals).to(q.dtype)


def bitfit_parameters(named_parameters):
    return {n for n, _ in named_parameters if n == "bias" or n.endswith(".bias")}


def lora_init(out, in_, rank, *, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    a = torch.empty(rank, in_)
    return a.uniform_(-1, 1, generator=g) * in_**-0.5, torch.zeros(out, rank)
