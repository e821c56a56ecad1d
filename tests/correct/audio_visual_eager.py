"""Audio and multimodal operators in the input's dtype, over the fused functions of torch."""

import torch
import torch.nn.functional as F


def split(x, W, heads):
    return (x @ W).unflatten(-1, (heads, -1)).transpose(1, 2)


def mix(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    q, k, v = split(x, Wq, heads), split(visual, Wk, heads), split(visual, Wv, heads)
    if mask is None:
        return torch.addcmul(x, mix(q, k, v) @ Wo, gate.tanh())
    some = mask.any(-1)
    o = mix(q, k, v, (mask | ~some[..., None])[:, None]) @ Wo
    return x + torch.where(some[..., None], gate.tanh() * o, 0.0)


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    z = torch.cat([visual, text], 1)
    q, k, v = (split(z, w, heads) for w in (Wq, Wk, Wv))
    o = F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)
    z = torch.add(z, o @ Wo)
    return z.tensor_split([visual.shape[1]], 1)


def spatial_cross_attention(x, context, Wq, Wk, Wv, Wo, *, heads):
    p = x.flatten(2).mT
    o = mix(split(p, Wq, heads), split(context, Wk, heads), split(context, Wv, heads)) @ Wo
    return (p + o).mT.unflatten(-1, x.shape[2:])


def coop_prompts(context, names):
    if context.dim() == 2:
        context = context.expand(len(names), *context.shape)
    return torch.hstack([context, names])


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    offset = F.linear(F.linear(image, W1.T, b1).relu(), W2.T, b2)
    front = (context + offset[:, None])[:, None].expand(-1, len(names), -1, -1)
    return torch.cat([front, names.expand(len(image), *names.shape)], 2)


def clip_logits(image, text, *, temperature):
    a = image / image.norm(dim=-1, keepdim=True)
    b = text / text.norm(dim=-1, keepdim=True)
    return (1 / temperature) * a @ b.t()


def clip_zero_shot(image, classes, *, temperature):
    return clip_logits(image, classes, temperature=temperature).softmax(-1)


def clip_class_embeddings(prompts):
    e = prompts / prompts.norm(dim=-1, keepdim=True)
    e = e.mean(1)
    return e / e.norm(dim=-1, keepdim=True)


def perceiver_resampler(features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads):
    B, _T, _S, E = features.shape
    f = (features + time[:, None]).flatten(1, 2)
    x = latents.expand(B, -1, -1)
    for n, wq, wk, wv, wo, a, b in zip(norms, Wq, Wk, Wv, Wo, W1, W2, strict=False):
        ff, fx = F.layer_norm(f, (E,), *n[0]), F.layer_norm(x, (E,), *n[1])
        both = torch.cat([ff, fx], 1)
        x = x + mix(split(fx, wq, heads), split(both, wk, heads), split(both, wv, heads)) @ wo
        x = x + F.relu(F.layer_norm(x, (E,), *n[2]) @ a) ** 2 @ b
    return x


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    B, T, E = x.shape
    y = F.glu(F.layer_norm(x, (E,), gamma, beta, eps) @ W1, -1)
    hidden = torch.zeros(B, T, 1, dtype=torch.bool)
    if lengths is not None:
        hidden = (torch.arange(T) >= lengths[:, None])[..., None]
    y = y.masked_fill(hidden, 0.0).mT
    y = F.conv1d(y, kernel[:, None], padding=kernel.shape[-1] // 2, groups=E)
    y = F.silu(y.mT * scale + shift)
    return (y @ W2).masked_fill(hidden, 0.0)


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    a, b = F.gelu(x @ U).chunk(2, -1)
    b = F.layer_norm(b, b.shape[-1:], gamma, beta, eps)
    k = kernel.shape[-1]
    w = F.pad(b, (0, 0, k // 2, k // 2)).unfold(1, k, 1)
    return (a * (torch.einsum("btfk,fk->btf", w, kernel) + bias)) @ V


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    x = torch.add(x, ffn1(x), alpha=0.5)
    x = attention(x) + x
    x = conv(x) + x
    return F.layer_norm(torch.add(x, ffn2(x), alpha=0.5), x.shape[-1:], gamma, beta, eps)


def branchformer_block(x, attention, mlp, gamma_a, beta_a, gamma_m, beta_m, W, *, eps=1e-5):
    E = x.shape[-1:]
    both = (
        attention(F.layer_norm(x, E, gamma_a, beta_a, eps)),
        mlp(F.layer_norm(x, E, gamma_m, beta_m, eps)),
    )
    return x + torch.cat(both, -1) @ W


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    def score(t, pool, weight):
        p = (t @ pool / t.shape[-1] ** 0.5).softmax(1)
        return torch.bmm(p[:, None], t)[:, 0] @ weight

    w = torch.stack([score(a, pool_a, weight_a), score(b, pool_b, weight_b)], -1).softmax(-1)
    return w[:, 0, None, None] * a + w[:, 1, None, None] * b, w


def spectrogram_patch_embed(x, weight, bias, *, stride=10):
    return F.conv2d(x[:, None], weight[:, None], bias, stride=stride).flatten(2).mT


def relative_shift(scores):
    B, H, T, _ = scores.shape
    padded = F.pad(scores, (1, 0)).reshape(B, H, -1, T)[:, :, 1:]
    return padded.reshape(B, H, T, -1)[..., :T] if T else scores


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"], "operators": {}}
