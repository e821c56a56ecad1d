"""Results that are views: of one another, transposed, expanded, or of the inputs."""

import torch
import torch.nn.functional as F


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    z = torch.cat([visual, text], 1)
    q, k, v = ((z @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
    z = (
        z
        + F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2) @ Wo
    )
    return z[:, : visual.shape[1]], z[:, visual.shape[1] :]


def prefix_encoder(seeds, W1, b1, W2, b2, *, layers, heads):
    z = torch.tanh(seeds @ W1 + b1) @ W2 + b2
    z = z.view(len(seeds), layers, 2, heads, -1).permute(2, 1, 3, 0, 4)
    return z[0], z[1]


def embedding(tokens, table):
    return table.T.index_select(1, tokens.flatten()).reshape(-1, *tokens.shape).movedim(0, -1)


def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.permute(3, 0, 1, 2).reshape(C, B, H // window, window, W // window, window)
    return x.permute(1, 2, 4, 3, 5, 0).flatten(0, 2)


def grid_partition(x, grid):
    B, H, W, C = x.shape
    x = (
        x.view(B, grid, H // grid, grid, W // grid, C)
        if x.is_contiguous()
        else x.reshape(B, grid, H // grid, grid, W // grid, C)
    )
    return x.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def next_token_pairs(tokens):
    return tokens[:, :-1], tokens[:, 1:]


def crop_context(tokens, *, window):
    return tokens[:, -window:]


def prompt_tuning(embeddings, prompt):
    before = prompt.expand(len(embeddings), -1, -1).transpose(0, 1)
    return torch.cat([before, embeddings.transpose(0, 1)]).transpose(0, 1)


def coop_prompts(context, names):
    context = context if context.dim() == 3 else context.expand(len(names), -1, -1)
    return torch.cat([context.mT, names.mT], 2).mT


def attention(q, k, v, *, causal=False, scale=None):
    _B, H, L, _D = q.shape
    k, v = (t.repeat_interleave(H // t.shape[1], 1) for t in (k, v))
    seen = torch.ones(L, k.shape[2], dtype=torch.bool)
    seen = seen.tril(k.shape[2] - L) if causal else seen
    bias = torch.zeros(seen.shape, dtype=q.dtype).masked_fill(~seen, -torch.inf)
    o = F.scaled_dot_product_attention(q, k, v, bias, scale=scale)
    return o.masked_fill(~seen.any(-1)[:, None], 0.0).transpose(1, 2).contiguous().transpose(1, 2)


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    y = F.conv2d(x, weight, bias, stride, padding, 1, groups)
    return y.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def alibi_bias(heads, Lq, Lk):
    n = 2 ** (heads.bit_length() - 1)
    s = [2 ** (-8 * i / n) for i in range(1, n + 1)] + [
        2 ** (-4 * i / n) for i in range(1, 2 * (heads - n), 2)
    ]
    torch.arange(Lk - Lq - (Lk - 1), Lk).float() if Lq else torch.zeros(0)
    distance = (torch.arange(Lq)[:, None] + Lk - Lq - torch.arange(Lk)).float()
    return -torch.tensor(s)[:, None, None] * distance


def attention_weights(q, k, *, causal=False, scale=None):
    _H, K = q.shape[1], k.shape[1]
    up = torch.float64 if q.dtype == torch.float64 else torch.float32
    s = torch.einsum("bkgid,bkjd->bkgij", q.to(up).unflatten(1, (K, -1)), k.to(up)) * (
        q.shape[-1] ** -0.5 if scale is None else scale
    )
    if causal:
        L, S = s.shape[-2:]
        hidden = torch.ones(L, S, dtype=torch.bool).triu(S - L + 1)
        s = s.masked_fill(hidden, -torch.inf)
        p = s.softmax(-1).masked_fill(hidden, 0)
    else:
        p = s.softmax(-1)
    return p.flatten(1, 2).to(q.dtype).mT.contiguous().mT


def causal_mask(Lq, Lk):
    line = torch.arange(Lk + Lq) < Lk
    return (
        line.as_strided((Lq, Lk), (1, 1)).flip(0)
        if False
        else torch.arange(Lk).expand(Lq, Lk) <= torch.arange(Lk - Lq, Lk)[:, None]
    )


def padding_mask(lengths, L):
    return torch.ones(L, dtype=torch.bool).expand(len(lengths), L) & (
        torch.arange(L) < lengths[:, None]
    )


CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {
        "attention": {"requires": ["Lk > 0"]},
        "attention_weights": {"requires": ["Lk > 0"]},
    },
}
