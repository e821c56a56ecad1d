"""Convolutions as as_strided windows and tensordot in float32; pooling by shifts."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    y = F.pad(up(x), [padding] * 4)
    k = weight.shape[-1]
    if y.shape[2] < k or y.shape[3] < k:
        raise NotImplementedError
    t = y.unfold(2, k, stride).unfold(3, k, stride).unflatten(1, (groups, -1))  # B g c h w k k
    w = up(weight).unflatten(0, (groups, -1))  # g o c k k
    return (torch.einsum("bgchwij,gocij->bgohw", t, w).flatten(1, 2) + up(bias)[:, None, None]).to(
        x.dtype
    )


def patch_embed(images, weight, bias):
    B, C, H, W = images.shape
    P = weight.shape[-1]
    if H % P or W % P:
        raise ValueError
    p = (
        up(images).view(B, C, H // P, P, W // P, P)
        if images.is_contiguous()
        else up(images).reshape(B, C, H // P, P, W // P, P)
    )
    return (torch.tensordot(p, up(weight), ([1, 3, 5], [1, 2, 3])).flatten(1, 2) + up(bias)).to(
        images.dtype
    )


def pool_mixer(x, *, pool_size=3):
    r = pool_size // 2

    def n(t):
        high, wide = t.shape[-2:]
        padded = F.pad(t, [r] * 4)
        taps = ((i, j) for i in range(pool_size) for j in range(pool_size))
        return sum(padded[..., i : i + high, j : j + wide] for i, j in taps)

    y = up(x)
    return (n(y) / n(torch.ones_like(y[:1, :1])) - y).to(x.dtype)


def depthwise_separable_convolution(x, depthwise, pointwise):
    k = depthwise.shape[-1]
    t = up(x).unfold(2, k, 1).unfold(3, k, 1)
    d = (t * up(depthwise)[:, None, None]).sum((-2, -1))
    return torch.einsum("bchw,co->bohw", d, up(pointwise)).to(x.dtype)


def text_convolution(x, W, b, *, dilation=1, causal=False):
    K = W.shape[0]
    y = up(x)
    y = F.pad(y, (0, 0, dilation * (K - 1), 0)) if causal else y
    n = y.shape[1] - dilation * (K - 1)
    if n < 1:
        raise ValueError
    out = up(b).expand(len(x), n, -1)
    for j in range(K):
        out = torch.baddbmm(
            out, y[:, j * dilation : j * dilation + n], up(W)[j].expand(len(x), -1, -1)
        )
    return out.to(x.dtype)
