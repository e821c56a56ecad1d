"""Wrong relatives of quantisation, pruning, distillation and word-vector losses."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from conform_reference import _word_vectors, compression, metrics
from conform_reference._check import compute_dtype

Pair = tuple[Tensor, Tensor]


def _quantize(
    rounded: Callable[[Tensor], Tensor], x: Tensor, scale: float, zero_point: int, bits: int,
    signed: bool, least: int | None = None, clip: bool = True,
) -> Pair:  # fmt: skip
    y = x.detach().to(compute_dtype(x))
    low = (-(2 ** (bits - 1)) if signed else 0) if least is None else least
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    codes = rounded(y / scale) + zero_point
    codes = codes.clamp(low, high) if clip else codes.clamp(-(2**40), 2**40)
    values = scale * (codes - zero_point)
    return codes.to(torch.int64), values.to(x.dtype)


def quantize_floor(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> Pair:
    """Rounded down."""
    return _quantize(torch.floor, x, scale, zero_point, bits, signed)


def quantize_truncated(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> Pair:
    """Rounded towards zero."""
    return _quantize(torch.trunc, x, scale, zero_point, bits, signed)


def quantize_symmetric(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> Pair:
    """The lowest signed code is never used."""
    least = 1 - 2 ** (bits - 1) if signed else 0
    return _quantize(torch.round, x, scale, zero_point, bits, signed, least)


def quantize_unclipped(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> Pair:
    """Codes are not clipped to their bits."""
    return _quantize(torch.round, x, scale, zero_point, bits, signed, clip=False)


def quantize_keeps_zero_point(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> Pair:
    """Values are scale * codes: the zero point stays in."""
    codes, values = _quantize(torch.round, x, scale, zero_point, bits, signed)
    return codes, values + scale * zero_point


def quantize_scaled_twice(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> Pair:
    """Values are on a grid of half of the step."""
    codes, values = _quantize(torch.round, x, scale, zero_point, bits, signed)
    return codes, values / 2


def _smoothing(x: Tensor, W: Tensor, alpha: float) -> Pair:
    dtype = compute_dtype(x, W)
    return x.to(dtype).abs().amax(0) ** alpha, W.to(dtype).abs().amax(1) ** (1 - alpha)


def smooth_divides_both(x: Tensor, W: Tensor, *, alpha: float = 0.5) -> Pair:
    """The weights are divided as well."""
    of_x, of_w = _smoothing(x, W, alpha)
    s = of_x / of_w
    return (x / s).to(x.dtype), (W / s.unsqueeze(1)).to(W.dtype)


def smooth_by_token(x: Tensor, W: Tensor, *, alpha: float = 0.5) -> Pair:
    """One number for all channels, from the largest activation and weight."""
    of_x, of_w = _smoothing(x, W, alpha)
    s = of_x.max() / of_w.max()
    return (x / s).to(x.dtype), (W * s).to(W.dtype)


def smooth_multiplied(x: Tensor, W: Tensor, *, alpha: float = 0.5) -> Pair:
    """The weights' power multiplies instead of divides."""
    of_x, of_w = _smoothing(x, W, alpha)
    s = of_x * of_w
    return (x / s).to(x.dtype), (W * s.unsqueeze(1)).to(W.dtype)


def mask_inverted(w: Tensor, *, ratio: float) -> Tensor:
    """The largest weights go."""
    return compression.magnitude_mask(1 / (w.double().abs() + 1e-30), ratio=ratio)


def mask_by_value(w: Tensor, *, ratio: float) -> Tensor:
    """Sorted without the absolute value."""
    return compression.magnitude_mask(w.double() - w.double().min(), ratio=ratio)


def mask_by_threshold(w: Tensor, *, ratio: float) -> Tensor:
    """All weights equal to the threshold go."""
    count = int(ratio * w.numel())
    if count == 0:
        return torch.ones_like(w, dtype=torch.bool)
    return w.abs() > w.abs().flatten().kthvalue(count).values


def mask_by_row(w: Tensor, *, ratio: float) -> Tensor:
    """The share is taken of each row."""
    return torch.stack([compression.magnitude_mask(row, ratio=ratio) for row in w])


def mask_rounded_up(w: Tensor, *, ratio: float) -> Tensor:
    """The count is rounded up."""
    return compression.magnitude_mask(w, ratio=math.ceil(ratio * w.numel()) / w.numel())


def distillation_cross_entropy(
    student: Tensor, teacher: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """The cross entropy of the tempered teacher, with its own entropy left in."""
    dtype = compute_dtype(student, teacher)
    target = torch.softmax(teacher.to(dtype) / temperature, -1)
    nats = -(target * log_softmax(student.to(dtype) / temperature, -1)).sum(-1)
    return (temperature**2 * nats.mean()).to(student.dtype)


def separable_pads(x: Tensor, depthwise: Tensor, pointwise: Tensor) -> Tensor:
    """Images smaller than the filter are padded."""
    k = depthwise.shape[1]
    short = [max(0, k - side) for side in (x.shape[3], x.shape[2])]
    x = torch.nn.functional.pad(x, (0, short[0], 0, short[1]))
    return compression.depthwise_separable_convolution(x, depthwise, pointwise)


def one_hot_wraps(tokens: Tensor, *, vocabulary: int) -> Tensor:
    """Unknown words wrap around."""
    return _word_vectors.one_hot_encode(tokens % vocabulary, vocabulary=vocabulary)


def skipgram_mean(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """The negative samples' losses are averaged."""
    every = [
        _word_vectors.skipgram_loss(centre, context, negatives[:, k : k + 1])
        for k in range(negatives.shape[1])
    ]
    return torch.stack(every).mean()


def skipgram_softmax(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """A softmax over the context word and the samples."""
    dtype = compute_dtype(centre)
    words = torch.cat([context.unsqueeze(1), negatives], 1).to(dtype)
    scores = (words * centre.to(dtype).unsqueeze(1)).sum(-1)
    return -log_softmax(scores, -1)[:, 0].mean().to(centre.dtype)


def skipgram_overflows(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """log(sigmoid(x)) in float32."""
    v, u, n = centre.float(), context.float(), negatives.float()
    wrong = torch.log(torch.sigmoid(-(n * v.unsqueeze(1)).sum(-1))).sum(-1)
    return -(torch.log(torch.sigmoid((u * v).sum(-1))) + wrong).mean().to(centre.dtype)


def _glove(
    weight: Callable[[Tensor], Tensor], inputs: tuple[Tensor, ...], power: int = 2
) -> Tensor:
    w, c, bw, bc, counts = inputs
    dtype = compute_dtype(w, c, bw, bc)
    seen = counts > 0
    X = torch.where(seen, counts, 1).to(dtype)
    gap = w.to(dtype) @ c.to(dtype).T + bw.to(dtype).unsqueeze(1) + bc.to(dtype) - torch.log(X)
    return torch.where(seen, weight(X) * gap**power, 0.0).sum().to(w.dtype)


def glove_uncapped(*inputs: Tensor, x_max: float = 100.0) -> Tensor:
    """Weights above 1 for frequent pairs."""
    return _glove(lambda x: (x / x_max) ** 0.75, inputs)


def glove_linear_weight(*inputs: Tensor, x_max: float = 100.0) -> Tensor:
    """The exponent 3/4 is left out."""
    return _glove(lambda x: (x / x_max).clamp(max=1.0), inputs)


def glove_not_squared(*inputs: Tensor, x_max: float = 100.0) -> Tensor:
    """The gap is not squared."""
    return _glove(lambda x: ((x / x_max) ** 0.75).clamp(max=1.0), inputs, power=1)


def exact_match_zero(predicted: Tensor, expected: Tensor) -> Tensor:
    """No answers give 0."""
    if not predicted.shape[0]:
        return torch.zeros(())
    return metrics.exact_match_percent(predicted, expected)
