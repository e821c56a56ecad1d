"""Fusion, contrastive and speech operators in the input's dtype step by step."""

import torch
from torch.nn import functional as F

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}


def mix(x, memory, Wq, Wk, Wv, Wo, heads, mask=None, causal=False):
    q, k, v = (
        t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (x @ Wq, memory @ Wk, memory @ Wv)
    )
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    return o.transpose(1, 2).flatten(2) @ Wo


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    if mask is not None:
        mask = mask[:, None]
    return x + gate.tanh() * mix(x, visual, Wq, Wk, Wv, Wo, heads, mask)


def spatial_cross_attention(x, context, Wq, Wk, Wv, Wo, *, heads):
    pixels = x.flatten(2).mT
    out = mix(pixels, context, Wq, Wk, Wv, Wo, heads)
    return x + out.mT.unflatten(2, x.shape[2:])


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    z = torch.cat([visual, text], 1)
    z = z + mix(z, z, Wq, Wk, Wv, Wo, heads, causal=causal)
    return tuple(z.split([visual.shape[1], text.shape[1]], 1))


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    act = {"squared_relu": lambda t: F.relu(t) ** 2, "gelu": F.gelu, "relu": F.relu}.get(activation)
    if act is None:
        raise NotImplementedError(activation)
    E = features.shape[-1]
    timed = features + (time[:, None] if time.dim() == 2 else time)
    f = timed.flatten(1, 2)
    x = latents.expand(len(f), -1, -1)
    for n in range(len(Wq)):
        a, b, c = norms[n].unbind()
        y = F.layer_norm(x, (E,), b[0], b[1])
        memory = torch.cat([F.layer_norm(f, (E,), a[0], a[1]), y], 1)
        x = x + mix(y, memory, Wq[n], Wk[n], Wv[n], Wo[n], heads)
        x = x + act(F.layer_norm(x, (E,), c[0], c[1]) @ W1[n]) @ W2[n]
    return x


def media_mask(is_media, images, tokens):
    if images < 1 or tokens < 1:
        raise ValueError("sizes")
    last = is_media.long().cumsum(1)
    own = torch.arange(1, images + 1).repeat_interleave(tokens)
    return last[..., None] == own


def interleave_embeddings(text, observations, is_observation):
    if bool((is_observation.sum(1) > observations.shape[1]).any()):
        raise ValueError("more places than observations")
    out = text.clone()
    for b, places in enumerate(is_observation):
        out[b, places] = observations[b, : int(places.sum())]
    return out


def clip_logits(image, text, *, temperature):
    if temperature <= 0:
        raise ValueError("temperature")
    i = image / torch.linalg.vector_norm(
        image.float() if image.dtype.itemsize < 4 else image, dim=1, keepdim=True
    )
    t = text / torch.linalg.vector_norm(
        text.float() if text.dtype.itemsize < 4 else text, dim=1, keepdim=True
    )
    return (i @ t.mT / temperature).to(image.dtype)


def clip_loss(image, text, *, temperature):
    if temperature <= 0 or image.shape != text.shape:
        raise ValueError("shapes or temperature")
    wide = torch.promote_types(image.dtype, torch.float32)
    logits = clip_logits(image.to(wide), text.to(wide), temperature=temperature)
    own = torch.arange(len(logits))
    return (0.5 * (F.cross_entropy(logits, own) + F.cross_entropy(logits.mT, own))).to(image.dtype)


def clip_class_embeddings(prompts):
    wide = prompts.to(torch.promote_types(prompts.dtype, torch.float32))
    mean = (wide / wide.norm(dim=-1, keepdim=True)).mean(1)
    return (mean / mean.norm(dim=-1, keepdim=True)).to(prompts.dtype)


def constrained_probabilities(logits, allowed):
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    p = wide.masked_fill(~allowed, -torch.inf).softmax(-1)
    return (
        p.nan_to_num(0.0).to(logits.dtype) if not bool(logits.isnan().any()) else p.to(logits.dtype)
    )


def action_tokenize(actions, low, high, *, bins=256):
    if bins < 2 or low.shape != high.shape or actions.shape[-1] != len(low):
        raise ValueError("bins or shapes")
    wide = torch.promote_types(actions.dtype, torch.float32)
    a, lo, hi = (t.to(wide) for t in (actions, low, high))
    return ((bins - 1) * (torch.clamp(a, lo, hi) - lo) / (hi - lo)).round().long()


def action_detokenize(tokens, low, high, *, bins=256):
    if bins < 2 or low.shape != high.shape or tokens.shape[-1] != len(low):
        raise ValueError("bins or shapes")
    wide = torch.promote_types(low.dtype, torch.float32)
    lo, hi = low.to(wide), high.to(wide)
    return torch.lerp(
        lo.expand(tokens.shape), hi.expand(tokens.shape), tokens.to(wide) / (bins - 1)
    ).to(low.dtype)


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    x = torch.add(x, ffn1(x), alpha=0.5)
    x = x + attention(x)
    x = x + conv(x)
    return F.layer_norm(torch.add(x, ffn2(x), alpha=0.5), gamma.shape, gamma, beta, eps)


def relative_shift(scores):
    B, H, T, W = scores.shape
    if W != 2 * T - 1:
        raise ValueError("shape")
    if not scores.numel():
        return scores.new_zeros(B, H, T, T)
    flat = F.pad(scores, (0, 1)).flatten(2)  # rows of 2 T, read in rows of 2 T - 1
    return F.pad(flat, (0, T - 1)).view(B, H, T + 1, W)[:, :, :T, T - 1 :]


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    y = F.glu(F.layer_norm(x, gamma.shape, gamma, beta, eps) @ W1, -1)
    real = None
    if lengths is not None:
        real = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
        y = torch.where(real, y, 0.0)
    k = kernel.shape[1]
    y = F.conv1d(y.mT, kernel[:, None], padding=k // 2, groups=len(kernel)).mT
    y = F.silu(y * scale + shift) @ W2
    return y if real is None else torch.where(real, y, 0.0)


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    a, b = F.gelu(x @ U).chunk(2, -1)
    b = F.layer_norm(b, gamma.shape, gamma, beta, eps)
    b = F.conv1d(b.mT, kernel[:, None], bias, padding="same", groups=len(kernel)).mT
    return (a * b) @ V


def spectrogram_patch_embed(x, weight, bias, *, stride=10):
    P = weight.shape[1]
    if min(x.shape[1:]) < P:
        raise ValueError("smaller than a patch")
    return F.conv2d(x[:, None], weight[:, None], bias, stride=stride).flatten(2).mT


def branch_merge_concat(a, b, W):
    first, second = W.chunk(2)
    return a @ first + b @ second
