"""Speech blocks in float32 or wider, convolutions as sums of shifted frames, branches by halves."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(*tensors):
    wide = torch.promote_types(tensors[0].dtype, torch.float32)
    return [t.to(wide) if t.is_floating_point() else t for t in tensors]


def _norm(x, gamma, beta, eps):
    var, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(var + eps) * gamma + beta


def _slide(x, kernel):
    k, out = kernel.shape[1], torch.zeros_like(x)
    for u in range(k):
        moved, step = torch.zeros_like(x), u - k // 2
        if abs(step) < x.shape[1]:
            a, b = max(step, 0), max(-step, 0)
            moved[:, b : x.shape[1] - a] = x[:, a : x.shape[1] - b]
        out = out + moved * kernel[:, u]
    return out


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    dtype, e = x.dtype, x.shape[-1]
    x, gamma, beta, W1, kernel, scale, shift, W2 = _wide(
        x, gamma, beta, W1, kernel, scale, shift, W2
    )
    valid = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
    y = _norm(torch.where(valid, x, 0.0), gamma, beta, eps)
    y = torch.where(valid, (y @ W1[:, :e]) * torch.sigmoid(y @ W1[:, e:]), 0.0)
    y = _slide(y, kernel * scale[:, None]) + shift
    return torch.where(valid, (y / (1 + torch.exp(-y))) @ W2, 0.0).to(dtype)


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    dtype, f = x.dtype, V.shape[0]
    x, U, gamma, beta, kernel, bias, V = _wide(x, U, gamma, beta, kernel, bias, V)
    z = x @ U
    z = z * torch.special.ndtr(z)
    return ((z[..., :f] * (_slide(_norm(z[..., f:], gamma, beta, eps), kernel) + bias)) @ V).to(
        dtype
    )


def branch_merge_concat(a, b, W):
    dtype, e = a.dtype, a.shape[-1]
    a, b, W = _wide(a, b, W)
    return (a @ W[:e] + b @ W[e:]).to(dtype)
