"""Compression by library calls: round, topk, kl_div, grouped conv2d."""

import torch
from torch.nn.functional import conv2d, kl_div, log_softmax

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Quantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero_point, least, most):
        place = torch.round(up(x) / scale) + zero_point
        ctx.save_for_backward((place >= least) & (place <= most))
        codes = place.clamp(least, most)
        ctx.mark_non_differentiable(codes.long())
        return codes.long(), ((codes - zero_point) * scale).to(x.dtype)

    @staticmethod
    def backward(ctx, _, gradient):
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None, None


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    least = -(2 ** (bits - 1)) if signed else 0
    return Quantize.apply(x, scale, zero_point, least, least + 2**bits - 1)


def affine_parameters(low, high, *, bits=8):
    low, high, most = min(low, 0.0), max(high, 0.0), 2**bits - 1
    if low == high:
        raise ValueError(f"[{low}, {high}]: expected a range with an extent")
    return (high - low) / most, round(-low * most / (high - low))


def smooth_quant(x, W, *, alpha=0.5):
    s = up(x).abs().amax(0).pow(alpha) / up(W).abs().amax(1).pow(1 - alpha)
    return (up(x) * s.reciprocal()).to(x.dtype), (torch.diag(s) @ up(W)).to(W.dtype)


def magnitude_mask(w, *, ratio):
    gone = torch.topk(w.abs().flatten(), int(ratio * w.numel()), largest=False).indices
    mask = torch.ones(w.numel(), dtype=torch.bool)
    mask[gone] = False
    return mask.reshape(w.shape)


def prune_hidden_units(W1, b1, W2, keep):
    return W1[:, keep], b1[keep], W2[keep]


def distillation_loss(student, teacher, *, temperature=1.0):
    s = log_softmax(up(student) / temperature, -1)
    t = torch.softmax(up(teacher) / temperature, -1)
    return (kl_div(s, t, reduction="batchmean") * temperature**2).to(student.dtype)


def depthwise_separable_convolution(x, depthwise, pointwise):
    if min(x.shape[2:]) < depthwise.shape[1]:
        raise ValueError(f"x.shape={tuple(x.shape)}: smaller than the filter")
    y = conv2d(up(x), up(depthwise).unsqueeze(1), groups=x.shape[1])
    return conv2d(y, up(pointwise).T[..., None, None]).to(x.dtype)


def convolution_cost(*, channels_in, channels_out, kernel, positions=1, separable=False):
    if min(channels_in, channels_out, kernel, positions) < 1:
        raise ValueError("sizes must be positive integers")
    if separable:
        return positions * channels_in * (kernel * kernel + channels_out)
    return positions * channels_in * kernel * kernel * channels_out


def compound_scaling(phi, *, alpha=1.2, beta=1.1, gamma=1.15):
    depth, width, resolution = alpha**phi, beta**phi, gamma**phi
    return depth, width, resolution, depth * width**2 * resolution**2
