"""Speech blocks by torch.nn.functional (conv1d, glu, layer_norm), in the input's dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _valid(lengths, frames):
    return (torch.arange(frames) < lengths[:, None])[..., None]


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    e, k, valid = x.shape[-1], kernel.shape[-1], _valid(lengths, x.shape[1])
    y = F.layer_norm(x.masked_fill(~valid, 0), (e,), gamma, beta, eps)
    y = F.glu(y @ W1, dim=-1).masked_fill(~valid, 0)
    y = F.conv1d(y.mT, kernel[:, None], padding=k // 2, groups=e).mT
    return (F.silu(y * scale + shift) @ W2).masked_fill(~valid, 0)


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    f, k = V.shape[0], kernel.shape[-1]
    value, gate = F.gelu(x @ U).chunk(2, dim=-1)
    gate = F.layer_norm(gate, (f,), gamma, beta, eps)
    gate = F.conv1d(gate.mT, kernel[:, None], bias, padding=k // 2, groups=f).mT
    return (value * gate) @ V


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    x = x + ffn1(x) * 0.5
    x = x + attention(x)
    x = x + conv(x)
    x = x + ffn2(x) * 0.5
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)


def branch_merge_concat(a, b, W):
    return torch.cat((a, b), dim=-1) @ W


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    def score(x, pool, weight):
        share = torch.softmax(x @ pool / x.shape[-1] ** 0.5, dim=-1)
        return (share[:, None] @ x)[:, 0] @ weight

    scores = torch.stack((score(a, pool_a, weight_a), score(b, pool_b, weight_b)), dim=-1)
    w = torch.softmax(scores, dim=-1)
    return w[:, 0, None, None] * a + w[:, 1, None, None] * b, w


def branchformer_block(x, attention, mlp, gamma_a, beta_a, gamma_m, beta_m, W, *, eps=1e-5):
    a = attention(F.layer_norm(x, x.shape[-1:], gamma_a, beta_a, eps))
    b = mlp(F.layer_norm(x, x.shape[-1:], gamma_m, beta_m, eps))
    return x + torch.cat((a, b), dim=-1) @ W


def relative_shift(scores):
    b, h, n, m = scores.shape
    padded = F.pad(scores, (1, 0)).reshape(b, h, m + 1, n)
    return padded[:, :, 1:].reshape(b, h, n, m)[..., :n]


def subsampled_length(length, *, layers=2, kernel=3, stride=2):
    for _ in range(layers):
        if length < kernel:
            raise ValueError("too few frames")
        length = len(range(0, length - kernel + 1, stride))
    return length


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    mask = torch.arange(L) < lengths[:, None]
    for _ in range(layers):
        mask = mask.unfold(1, kernel, stride).all(-1)
    return mask


def spectrogram_patch_count(frequency, time, *, patch=16, stride=10):
    if min(frequency, time) < patch:
        raise ValueError("smaller than a patch")
    rows, columns = (len(range(0, n - patch + 1, stride)) for n in (frequency, time))
    return rows * columns
