"""The sequence-to-sequence scores by einsum, [h; s] concatenated as written."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def widen(*tensors):
    return [t.to(torch.promote_types(t.dtype, torch.float32)) for t in tensors]


def dot_score(h, s):
    return torch.einsum("btd,bd->bt", *widen(h, s)).to(h.dtype)


def bilinear_score(h, s, W):
    return torch.einsum("bti,ij,bj->bt", *(widen(h, W, s))).to(h.dtype)


def paired(h, s):
    return torch.cat([h, s[:, None, :].expand(-1, h.shape[1], -1)], dim=-1)


def additive_score(h, s, W, v):
    h32, s32, w, u = widen(h, s, W, v)
    return torch.einsum("a,bta->bt", u, torch.tanh(paired(h32, s32) @ w.t())).to(h.dtype)


def mlp_score(h, s, W1, b1, W2, b2):
    h32, s32, w1, c1, w2, c2 = widen(h, s, W1, b1, W2, b2)
    hidden = torch.relu(paired(h32, s32) @ w1 + c1)
    return (hidden @ w2 + c2)[..., 0].to(h.dtype)


def seq2seq_attention(h, e):
    h32, e32 = widen(h, e)
    weights = torch.softmax(e32, dim=-1)
    return torch.einsum("bt,btd->bd", weights, h32).to(h.dtype), weights.to(e.dtype)
