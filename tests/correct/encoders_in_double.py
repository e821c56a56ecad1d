"""Encoders, adapters and tokenizers in float64 throughout, rounded once."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float16", "bfloat16", "float32", "float64"]}
D = torch.float64


def wide(*ts):
    return [t.to(D) for t in ts]


def ln(x, g=None, b=None, eps=1e-5):
    n = x.shape[-1]
    s1 = x.sum(-1, keepdim=True)
    c = x - s1 / n
    y = c * torch.rsqrt((c * c).mean(-1, keepdim=True) + eps)
    return y if g is None else torch.addcmul(b, y, g)


def split(x, heads):
    return x.unflatten(-1, (heads, -1)).movedim(-2, -3)


def join(o):
    return o.movedim(-3, -2).flatten(-2)


def att(q, k, v, visible=None, bias=None, scale=None):
    s = torch.einsum("...id,...jd->...ij", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        s = s + bias
    if visible is not None:
        s = s.masked_fill(~visible, -torch.inf)
    return torch.einsum(
        "...ij,...jd->...id", torch.exp(s - torch.logsumexp(s, -1, keepdim=True)), v
    )


def mha(x, m, Wq, Wk, Wv, Wo, heads, visible=None):
    o = att(split(x @ Wq, heads), split(m @ Wk, heads), split(m @ Wv, heads), visible)
    o = join(o)
    return o if Wo is None else o @ Wo


def gelu(x):
    return 0.5 * x * torch.special.erfc(-x * math.sqrt(0.5))


ACT = {
    "relu": lambda x: x.clamp(min=0),
    "gelu": gelu,
    "swish": lambda x: x * torch.exp(F.logsigmoid(x)),
    "sigmoid": lambda x: torch.exp(F.logsigmoid(x)),
    "identity": lambda x: x,
    "gelu_tanh": lambda x: x / (1 + torch.exp(-math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))),
}


def past(n):
    return torch.ones(n, n, dtype=torch.bool).tril()


def llama_adapter_states(x, prompts, gates, Wq, Wk, Wv, Wo, *, heads):
    dt = x.dtype
    x, prompts, gates, Wq, Wk, Wv, Wo = wide(x, prompts, gates, Wq, Wk, Wv, Wo)
    N, A = len(Wq), len(prompts)
    if A > N:
        raise ValueError
    out = []
    for n in range(N):
        q, k, v = (split(x @ W[n], heads) for W in (Wq, Wk, Wv))
        o = att(q, k, v, past(x.shape[1]))
        if n >= N - A:
            p = prompts[n - N + A]
            o = o + torch.tanh(gates[n - N + A])[:, None, None] * att(
                q, split(p @ Wk[n], heads), split(p @ Wv[n], heads)
            )
        x = x + join(o) @ Wo[n]
        out.append(x)
    return torch.stack(out).to(dt)


def adapter_block(
    x,
    Wq,
    Wk,
    Wv,
    Wo,
    W1,
    b1,
    W2,
    b2,
    gamma1,
    beta1,
    gamma2,
    beta2,
    Wdown,
    bdown,
    Wup,
    bup,
    *,
    heads,
    activation="relu",
    eps=1e-5,
):
    dt, f = x.dtype, ACT[activation]
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, Wdown, bdown, Wup, bup = wide(
        x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, Wdown, bdown, Wup, bup
    )

    def ad(h, n):
        return h + torch.addmm(
            bup[n], f(torch.addmm(bdown[n], h.flatten(0, -2), Wdown[n])), Wup[n]
        ).view(h.shape)

    y = ln(x + ad(mha(x, x, Wq, Wk, Wv, Wo, heads), 0), gamma1, beta1, eps)
    return ln(y + ad(f(y @ W1 + b1) @ W2 + b2, 1), gamma2, beta2, eps).to(dt)


def vit(x, Wqkv, Wo, W1, W2, heads):
    for a, o, u, v in zip(Wqkv, Wo, W1, W2, strict=True):
        q, k, w = (split(t, heads) for t in (ln(x, eps=1e-6) @ a).chunk(3, -1))
        x = x + join(att(q, k, w)) @ o
        x = x + gelu(ln(x, eps=1e-6) @ u) @ v
    return x


def vit_encoder(x, Wqkv, Wo, W1, W2, *, heads):
    return vit(*wide(x, Wqkv, Wo, W1, W2), heads).to(x.dtype)


def register_encoder(x, registers, Wqkv, Wo, W1, W2, *, heads):
    r = registers.to(D).unsqueeze(0).repeat(x.shape[0], 1, 1)
    return vit(torch.cat([r, x.to(D)], 1), *wide(Wqkv, Wo, W1, W2), heads)[:, r.shape[1] :].to(
        x.dtype
    )


def vpt_deep_encoder(x, prompts, Wqkv, Wo, W1, W2, *, heads):
    if len(prompts) != len(Wqkv):
        raise ValueError
    dt, (x, prompts, Wqkv, Wo, W1, W2) = x.dtype, wide(x, prompts, Wqkv, Wo, W1, W2)
    for s in range(len(Wqkv)):
        y = torch.cat([prompts[s].expand(len(x), -1, -1), x], 1)
        x = vit(y, Wqkv[s : s + 1], Wo[s : s + 1], W1[s : s + 1], W2[s : s + 1], heads)[
            :, prompts.shape[1] :
        ]
    return x.to(dt)


def deep_prompt_encoder(x, prompts, Wq, Wk, Wv):
    dt, (x, prompts, Wq, Wk, Wv) = x.dtype, wide(x, prompts, Wq, Wk, Wv)
    P = prompts.shape[1]
    for n in range(len(Wq)):
        if n < len(prompts):
            z = torch.cat([prompts[n].expand(len(x), -1, -1), x], 1)
        z = z + att(z @ Wq[n], z @ Wk[n], z @ Wv[n])
        x = z[:, P:]
    return x.to(dt)


def linear_cka(x, y):
    dt = x.dtype
    x, y = (z.to(D) - z.to(D).mean(0) for z in (x, y))
    K, L = x @ x.T, y @ y.T
    d = torch.sqrt((K * K).sum() * (L * L).sum())
    return torch.where(d > 0, (K * L).sum() / torch.where(d > 0, d, 1), 0).to(dt)


def smooth_quant(x, W, *, alpha=0.5):
    a, w = wide(x, W)
    s = torch.exp(alpha * a.abs().amax(0).log() - (1 - alpha) * w.abs().amax(1).log())
    return (a / s).to(x.dtype), (w * s[:, None]).to(W.dtype)


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    x, t, w, a, b = wide(x.detach(), target.detach(), W0.detach(), A.detach(), B.detach())
    a.requires_grad_(), b.requires_grad_()
    with torch.enable_grad():
        y = F.linear(x, w + alpha / len(A) * b @ a)
        ga, gb = torch.autograd.grad(0.5 * ((y - t) ** 2).sum() / len(x), (a, b))
    k = 1 - lr * weight_decay
    return (
        W0.detach().clone(),
        (k * a.detach() - lr * ga).to(A.dtype),
        (k * b.detach() - lr * gb).to(B.dtype),
    )


def shared_qk_attention(qk, v, buckets, *, causal=False):
    q = qk.to(D)
    n = q.norm(dim=-1, keepdim=True)
    k = q / torch.where(n > 0, n, 1)
    same = buckets[..., None] == buckets[..., None, :]
    L = q.shape[2]
    if causal:
        same = same & past(L)
    eye = torch.eye(L, dtype=torch.bool)
    own = same & ~eye
    return att(q, k, v.to(D), own | (eye & ~own.any(-1, keepdim=True))).to(qk.dtype)


def latent_tokenizer(patches, latents, Wq, Wk, Wv, codebook):
    p, own, q, k, v, c = wide(patches, latents, Wq, Wk, Wv, codebook)
    own = own.expand(len(p), -1, -1)
    tokens = torch.cat([own, p], 1)
    read = own + att((own @ q) @ k.T, tokens, tokens) @ v
    index = torch.cdist(read, c.expand(len(p), -1, -1)).argmin(-1)
    return index, F.embedding(index, codebook)
