"""Products in another order: weights are multiplied with each other first, in float32 or wider."""

import torch


def up(*ts):
    out = [t if t.dtype == torch.float64 else t.float() for t in ts]
    return out if len(out) > 1 else out[0]


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    a, wq, wk, wv = up(x, Wq, Wk, Wv)
    s = a @ (wq @ wk.T) @ a.mT * Wq.shape[1] ** -0.5
    if causal:
        s = s.masked_fill(torch.ones(s.shape[-2:], dtype=torch.bool).triu(1), -torch.inf)
    return (s.softmax(-1) @ a @ wv).to(x.dtype)


def cross_attention(x, memory, Wq, Wk, Wv):
    a, m, wq, wk, wv = up(x, memory, Wq, Wk, Wv)
    s = a @ ((wq @ wk.T) @ m.mT) * Wq.shape[1] ** -0.5
    return (s.softmax(-1) @ m @ wv).to(x.dtype)


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    a, m, wq, wk, wv, wo = up(x, memory, Wq, Wk, Wv, Wo)
    K = kv_heads or heads
    D = Wq.shape[1] // heads
    wq, wo = wq.view(-1, K, heads // K, D), wo.view(K, heads // K, D, -1)
    wk, wv = wk.view(-1, K, D), wv.view(-1, K, D)
    qk = torch.einsum("ekgd,mkd->kgem", wq, wk)
    vo = torch.einsum("mkd,kgdf->kgmf", wv, wo)
    s = torch.einsum("ble,kgem,bsm->bkgls", a, qk, m) / D**0.5
    if causal:
        L, S = s.shape[-2:]
        hidden = torch.ones(L, S, dtype=torch.bool).triu(S - L + 1)
        s = s.masked_fill(hidden, -torch.inf)
        p = s.softmax(-1).masked_fill(hidden, 0.0)
    else:
        p = s.softmax(-1)
    return torch.einsum("bkgls,bsm,kgmf->blf", p, m, vo).to(x.dtype)


def bilinear_score(h, s, W):
    H, S, w = up(h, s, W)
    return (H @ (w @ S.mT).mT.unsqueeze(-1)).squeeze(-1).to(h.dtype)


def linformer_attention(q, k, v, Ek, Ev, *, scale=None):
    a, b, c, ek, ev = up(q, k, v, Ek, Ev)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return (((a @ b.mT) @ ek.T * scale).softmax(-1) @ ev @ c).to(q.dtype)


def lora_linear(x, W0, A, B, *, alpha):
    a, w, down, r = up(x, W0, A, B)
    return (
        a
        @ torch.cat([w, r * (alpha / A.shape[0])], 1)
        .matmul(torch.cat([torch.eye(w.shape[1], dtype=w.dtype), down]))
        .T
    ).to(x.dtype)


def loha_delta(A1, B1, A2, B2, *, alpha):
    a, b, c, d = up(A1, B1, A2, B2)
    pairs = torch.einsum("or,op->orp", b, d).flatten(1)
    return (alpha / A1.shape[0] * (pairs @ torch.einsum("ri,pi->rpi", a, c).flatten(0, 1))).to(
        A1.dtype
    )


def lokr_delta(C, A, B, *, alpha):
    c, a, b = up(C.contiguous(), A.contiguous(), B.contiguous())
    left = torch.einsum("pq,or->poqr", c, b).flatten(2)
    right = torch.block_diag(*[a] * c.shape[1])
    return (left @ right * (alpha / A.shape[0])).flatten(0, 1).to(C.dtype)


def mha_to_gqa(W, *, heads, kv_heads):
    D = W.shape[1] // heads
    group = heads // kv_heads
    mean = torch.kron(torch.kron(torch.eye(kv_heads), torch.ones(group, 1)), torch.eye(D))
    return (up(W) @ mean.to(up(W).dtype) / group).to(W.dtype)


def pooled_classifier(features, W, b):
    f, w, c = up(features, W, b)
    return (torch.einsum("bchw,ck->bkhw", f, w).mean((2, 3)) + c).to(features.dtype)


def patch_embed(images, weight, bias):
    x, w, b = up(images, weight, bias)
    B, C, H, W = x.shape
    P = weight.shape[-1]
    x = x.reshape(B, C, H // P, P, W // P, P)
    return (torch.einsum("bchpwq,ecpq->bhwe", x, w).flatten(1, 2) + b).to(images.dtype)


def conv_projection(x, kernel, W, *, stride=1):
    a, c, w = up(x, kernel, W)
    full = torch.einsum("ekl,ed->deklx".replace("x", ""), c, w)
    y = torch.nn.functional.conv2d(
        a.permute(0, 3, 1, 2), full, stride=stride, padding=kernel.shape[-1] // 2
    )
    return y.flatten(2).mT.to(x.dtype)


def depthwise_separable_convolution(x, depthwise, pointwise):
    a, d, p = up(x, depthwise, pointwise)
    return torch.nn.functional.conv2d(a, torch.einsum("ckl,co->ockl", d, p)).to(x.dtype)


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    a, ar, c, r, wk, wv = up(q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up)
    _B, H, _, D = q.shape
    C = c.shape[-1]
    scale = (D + q_rope.shape[-1]) ** -0.5 if scale is None else scale
    seen = torch.arange(c.shape[1]) < lengths[:, None]
    c = c.masked_fill(~seen[..., None], 0.0)
    r = r.masked_fill(~seen[..., None], 0.0)
    query = torch.cat([torch.einsum("bhd,chd->bhc", a[:, :, 0], wk.view(C, H, D)), ar[:, :, 0]], -1)
    s = torch.einsum("bhc,bsc->bhs", query, torch.cat([c, r], -1)) * scale
    s = s.masked_fill(~seen[:, None], -torch.inf)
    p = s.softmax(-1).nan_to_num(0.0)
    return torch.einsum("bhs,bsc,chd->bhd", p, c, wv.view(C, H, -1))[:, :, None].to(q.dtype)


def branch_merge_concat(a, b, W):
    x, y, w = up(a, b, W)
    return torch.einsum("nbte,ned->btd", torch.stack([x, y]), w.unflatten(0, (2, -1))).to(a.dtype)


CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"multi_head_attention": {"requires": ["Lk > 0"]}},
}
