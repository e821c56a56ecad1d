"""Efficient attentions and codecs, stabilised in their own ways."""

import torch
from torch.nn import functional as F

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def linear_attention(q, k, v, *, causal=False):
    a, b, w = F.elu(up(q)) + 1, F.elu(up(k)) + 1, up(v)
    if not causal:
        state = b.mT @ w
        return ((a @ state) / (a * b.sum(2, keepdim=True)).sum(-1, keepdim=True)).to(q.dtype)
    B, H, L, D = q.shape
    S, z, out = w.new_zeros(B, H, D, w.shape[-1]), w.new_zeros(B, H, 1, D), []
    for i in range(0, L, 16):
        x, y, u = a[:, :, i : i + 16], b[:, :, i : i + 16], w[:, :, i : i + 16]
        inner = (x @ y.mT).tril()
        top = x @ S + inner @ u
        below = (x * z).sum(-1, keepdim=True) + inner.sum(-1, keepdim=True)
        out.append(top / below)
        S, z = S + y.mT @ u, z + y.sum(2, keepdim=True)
    return (torch.cat(out, 2) if out else w).to(q.dtype)


def linformer_attention(q, k, v, Ek, Ev, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    keys = torch.einsum("rn,bhnd->bhrd", up(Ek), up(k))
    values = torch.einsum("rn,bhnd->bhrd", up(Ev), up(v))
    return F.scaled_dot_product_attention(up(q), keys, values, scale=scale).to(q.dtype)


def performer_features(x, omega):
    wide = up(x)
    return (
        torch.exp(wide @ up(omega).mT - wide.square().sum(-1, keepdim=True) / 2)
        .div(len(omega) ** 0.5)
        .to(x.dtype)
    )


def performer_attention(q, k, v, omega, *, causal=False):
    """In logarithms: every weight is a log-sum-exp over the features."""
    s = q.shape[-1] ** -0.25
    a, b = up(q) * s, up(k) * s
    la = a @ up(omega).mT
    lb = b @ up(omega).mT - b.square().sum(-1, keepdim=True) / 2
    weights = torch.logsumexp(la[..., :, None, :] + lb[..., None, :, :], -1)
    if causal:
        L = q.shape[2]
        weights = weights.masked_fill(~torch.ones(L, L, dtype=torch.bool).tril(), -torch.inf)
    return (weights.softmax(-1) @ up(v)).to(q.dtype)


def clustered_attention(q, k, v, query_order, key_order, *, clusters):
    if q.shape[2] % clusters or k.shape[2] % clusters:
        raise ValueError("clusters")
    a = up(q)[:, :, query_order].unflatten(2, (clusters, -1))
    b, c = (up(t)[:, :, key_order].unflatten(2, (clusters, -1)) for t in (k, v))
    o = F.scaled_dot_product_attention(a, b, c).flatten(2, 3)
    return o[:, :, query_order.argsort()].to(q.dtype)


def shared_qk_attention(qk, v, buckets, *, causal=False):
    x = up(qk)
    L = x.shape[2]
    keys = torch.nn.functional.normalize(x, dim=-1, eps=torch.finfo(x.dtype).tiny)
    same = buckets[..., :, None] == buckets[..., None, :]
    if causal:
        same = same & torch.ones(L, L, dtype=torch.bool).tril()
    own = torch.eye(L, dtype=torch.bool)
    others = same & ~own
    seen = others | (own & ~others.any(-1, keepdim=True))
    s = (x @ keys.mT * x.shape[-1] ** -0.5).masked_fill(~seen, -torch.inf)
    return (s.softmax(-1) @ up(v)).to(qk.dtype)


def lsh_buckets(x, R):
    y = up(x) @ up(R)
    return torch.cat([y, -y], -1).argmax(-1)


def smyrf_transform(q, k):
    a, b = up(q), up(k)
    qq, kk = a.square().sum(-1, keepdim=True), b.square().sum(-1, keepdim=True)
    top = qq.amax(-2, keepdim=True) + kk.amax(-2, keepdim=True)
    zero_q, zero_k = torch.zeros_like(qq), torch.zeros_like(kk)
    f = torch.cat([a, zero_q, (top - qq).sqrt()], -1)
    g = torch.cat([b, (top - kk).sqrt(), zero_k], -1)
    return f.to(q.dtype), g.to(k.dtype)


def reversible_block(x1, x2, f, g):
    if x1.shape != x2.shape:
        raise ValueError("shapes")
    y1 = x1 + f(x2)
    return y1, x2 + g(y1)


def reversible_inverse(y1, y2, f, g):
    if y1.shape != y2.shape:
        raise ValueError("shapes")
    x2 = torch.sub(y2, g(y1))
    return torch.sub(y1, f(x2)), x2


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, codebook):
        d = torch.cdist(
            up(x)[None], up(codebook)[None], compute_mode="donot_use_mm_for_euclid_dist"
        )[0]
        index = d.argmin(-1)
        ctx.mark_non_differentiable(index)
        return index, codebook[index]

    @staticmethod
    def backward(ctx, _, g):
        return g, None


def vector_quantize(x, codebook):
    if not len(codebook) or codebook.shape[1] != x.shape[-1]:
        raise ValueError("codebook")
    index, values = Straight.apply(x.reshape(-1, x.shape[-1]), codebook)
    return index.view(x.shape[:-1]), values.view(x.shape)


def residual_vector_quantize(x, codebooks):
    if 0 in codebooks.shape[:2] or codebooks.shape[2] != x.shape[-1]:
        raise ValueError("codebooks")
    rest, total, found = up(x).detach(), torch.zeros_like(up(x)), []
    for book in codebooks:
        wide = up(book).detach()
        d = (rest[..., None, :] - wide).square().sum(-1)
        index = d.argmin(-1)
        rest, total = rest - wide[index], total + wide[index]
        found.append(index)
    return torch.stack(found, -1), (up(x) + (total - up(x)).detach()).to(x.dtype)


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    if scale <= 0:
        raise ValueError("scale")
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    wide = up(x)
    raw = torch.round(wide / scale) + zero_point
    codes = raw.clamp(low, high)
    values = (codes - zero_point) * scale
    inside = (raw >= low) & (raw <= high)
    moved = torch.where(inside, wide - wide.detach(), 0.0)
    return codes.detach().long(), (values.detach() + moved).to(x.dtype)


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    b = block_size
    if q.shape[2] % b or k.shape[2] % b or block_mask.shape != (q.shape[2] // b, k.shape[2] // b):
        raise ValueError("blocks")
    seen = block_mask.repeat_interleave(b, 0).repeat_interleave(b, 1)
    group = q.shape[1] // k.shape[1]
    k, v = up(k).repeat_interleave(group, 1), up(v).repeat_interleave(group, 1)
    return F.scaled_dot_product_attention(up(q), k, v, attn_mask=seen).to(q.dtype)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, scale=None):
    if (
        int(cu_q[-1]) != len(q)
        or int(cu_k[-1]) != len(k)
        or bool((cu_q.diff() < 0).any())
        or bool((cu_k.diff() < 0).any())
        or int(cu_q[0])
        or int(cu_k[0])
    ):
        raise ValueError("offsets")
    of_q = torch.searchsorted(cu_q[1:], torch.arange(len(q)), right=True)
    of_k = torch.searchsorted(cu_k[1:], torch.arange(len(k)), right=True)
    seen = of_q[:, None] == of_k
    if causal:
        from_end_q = cu_q[1:][of_q] - torch.arange(len(q))
        from_end_k = cu_k[1:][of_k] - torch.arange(len(k))
        seen = seen & (from_end_k >= from_end_q[:, None])
    group = q.shape[1] // k.shape[1]
    k, v = up(k).repeat_interleave(group, 1), up(v).repeat_interleave(group, 1)
    s = torch.einsum("thd,shd->hts", up(q), k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    w = s.masked_fill(~seen, -torch.inf).softmax(-1).nan_to_num(0.0)
    return torch.einsum("hts,shd->thd", w, v).to(q.dtype)
