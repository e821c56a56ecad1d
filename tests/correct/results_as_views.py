"""Results as views: transposed, every other element, pieces of a larger buffer."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def attention(q, k, v, *, causal=False, scale=None):
    g = q.shape[1] // k.shape[1]
    if (causal and q.shape[2] != k.shape[2]) or not k.shape[2]:
        raise NotImplementedError
    o = F.scaled_dot_product_attention(
        q, k.repeat_interleave(g, 1), v.repeat_interleave(g, 1), is_causal=causal, scale=scale
    )
    return o.transpose(1, 2).contiguous().transpose(1, 2)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = F.layer_norm(x, x.shape[-1:], gamma, beta, eps)
    wide = F.pad(y, (3, 5))
    return wide[..., 3:-5]


def embedding(tokens, table):
    return (
        table.t().index_select(1, tokens.reshape(-1)).t().reshape(*tokens.shape, table.shape[1])
        if tokens.dim() != 1
        else table.t().index_select(1, tokens).t()
    )


def window_partition(x, window):
    _, H, W, _ = x.shape
    if H % window or W % window:
        raise ValueError
    return (
        x.unfold(1, window, window)
        .unfold(2, window, window)
        .permute(0, 1, 2, 4, 5, 3)
        .flatten(0, 2)
    )


def output_projection(h, W):
    return (W.t() @ h.reshape(-1, h.shape[-1]).t()).t().reshape(*h.shape[:-1], W.shape[1])


def prompt_tuning(embeddings, prompt):
    return torch.cat(
        [prompt.expand(len(embeddings), -1, -1).transpose(0, 1), embeddings.transpose(0, 1)]
    ).transpose(0, 1)


def swish(x, *, beta=1.0):
    y = up(x)
    return torch.stack([y, (y * torch.sigmoid(beta * y))]).to(x.dtype)[1]


def rms_norm(x, gamma, *, eps=1e-6):
    y = up(x)
    return torch.stack(
        [(y * (y.square().mean(-1, keepdim=True) + eps).rsqrt()).to(x.dtype) * gamma] * 2, -1
    )[..., 0]


def vector_quantize(x, codebook):
    i = (up(x)[..., None, :] - up(codebook)).square().sum(-1).argmin(-1)
    return torch.stack([i, i])[1], codebook[i] + 0


def softmax(x):
    return F.softmax(up(x).movedim(-1, 0), 0).movedim(0, -1).to(x.dtype)
