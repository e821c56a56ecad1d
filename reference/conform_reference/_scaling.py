"""Floating-point operations of training and inference, and scaling laws."""

import math

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._check import at_least, divides

PETAFLOP_DAY = 10**15 * 24 * 3600


def _positive(name: str, value: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}={value!r}: expected a positive finite number; check its unit")


def training_flops(parameters: int, tokens: int) -> float:
    """6 N D floating-point operations: 2 N D forward, 4 N D backward.

    N = parameters (without embeddings), D = tokens. Raises ValueError for counts that are no
    positive integers. Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1.
    """
    at_least("parameters", parameters, 1)
    at_least("tokens", tokens, 1)
    return float(6 * parameters * tokens)


def inference_flops(parameters: int, tokens: int) -> float:
    """2 N D: a multiplication and an addition for each parameter and token.

    Raises ValueError for counts that are no positive integers. Source: arXiv:2001.08361, 2.1.
    """
    at_least("parameters", parameters, 1)
    at_least("tokens", tokens, 1)
    return float(2 * parameters * tokens)


def forward_flops(
    parameters: int, *, layers: int, width: int, length: int, causal: bool = False
) -> float:
    """Of one token in a sequence: 2 P + 4 L T D, or 2 P + 2 L T D where only the past is seen.

    P = parameters without embeddings, L = layers, D = width, T = length; scores and weighted sum
    take 2 T D each. Raises ValueError for sizes that are no positive integers.
    Source: arXiv:2001.08361, table 1 (there in the causal form).
    """
    for name, value in (
        ("parameters", parameters),
        ("layers", layers),
        ("width", width),
        ("length", length),
    ):
        at_least(name, value, 1)
    return float(2 * parameters + (2 if causal else 4) * layers * length * width)


def attention_step_flops(length: int, width: int, *, cached: bool = True) -> int:
    """Attention's part of the decoding step that makes token t = length: 4 t d, or 4 t^2 d.

    d = width, all heads together, whatever the number of key/value heads; without a cache all t
    rows are computed anew. Raises ValueError for sizes that are no positive integers.
    Source: Shazeer 2019, arXiv:1911.02150, section 2.
    """
    at_least("length", length, 1)
    at_least("width", width, 1)
    return 4 * length * width * (1 if cached else length)


def attention_intensity(*, heads: int, kv_heads: int, bytes_per_element: int = 2) -> float:
    """Operations per byte of cache in a decoding step: 4 t H d / (2 t K d b) = 2 H / (K b).

    H = heads, K = kv_heads, b = bytes_per_element. Raises ValueError for sizes that are no
    positive integers, or K that does not divide H. Source: arXiv:1911.02150, section 3.
    """
    at_least("heads", heads, 1)
    at_least("kv_heads", kv_heads, 1)
    at_least("bytes_per_element", bytes_per_element, 1)
    divides("kv_heads", kv_heads, "heads", heads)
    return 2 * heads / (kv_heads * bytes_per_element)


def petaflop_days(flops: float) -> float:
    """flops / (10^15 * 86400). Raises ValueError for an amount that is not positive and finite.

    Source: arXiv:2001.08361, section 2.1: one PF-day is 8.64e19 operations.
    """
    _positive("flops", flops)
    return flops / PETAFLOP_DAY


def hardware_flops(seconds: float, devices: int, flops_per_second: float) -> float:
    """seconds * devices * flops_per_second, the cost of a run by the clock.

    Raises ValueError for amounts that are not positive, or devices that are no positive integer.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 6.1.
    """
    _positive("seconds", seconds)
    at_least("devices", devices, 1)
    _positive("flops_per_second", flops_per_second)
    return float(seconds * devices * flops_per_second)


def power_law(x: float, *, scale: float, exponent: float) -> float:
    """(scale / x)^exponent, the loss where x alone is short.

    Raises ValueError for arguments that are not positive. Source: arXiv:2001.08361, eq. 1.1 to 1.3.
    """
    for name, value in (("x", x), ("scale", scale), ("exponent", exponent)):
        _positive(name, value)
    return float((scale / x) ** exponent)


def power_law_fit(x: Tensor, y: Tensor) -> Tensor:
    """[scale, exponent] of y = (scale / x)^exponent by least squares of log y over log x.

    x[n], y[n] positive, x not all equal. A falling y has a positive exponent; for a rising one the
    exponent is negative. Raises ValueError for shapes that do not fit or n < 2.
    Source: ordinary least squares in logarithms, arXiv:2001.08361, section 3.
    """
    _check.rank("x", x, "n")
    _check.same("number of points", "x.shape[0]", x.shape[0], "y.shape[0]", y.shape[0])
    at_least("n", x.shape[0], 2)
    dtype = _check.compute_dtype(x, y)
    log_x, log_y = torch.log(x.to(dtype)), torch.log(y.to(dtype))
    centred = log_x - log_x.mean()
    slope = (centred * (log_y - log_y.mean())).sum() / (centred * centred).sum()
    scale = torch.exp(log_x.mean() - log_y.mean() / slope)
    return torch.stack([scale, -slope]).to(x.dtype)


def scaling_law_loss(
    parameters: int, tokens: int, *, E: float, A: float, B: float, alpha: float, beta: float
) -> float:
    """E + A / N^alpha + B / D^beta for N = parameters and D = tokens.

    Raises ValueError for counts that are no positive integers, or constants that are not positive.
    Source: Hoffmann et al. 2022, arXiv:2203.15556, eq. 2.
    """
    at_least("parameters", parameters, 1)
    at_least("tokens", tokens, 1)
    for name, value in (("E", E), ("A", A), ("B", B), ("alpha", alpha), ("beta", beta)):
        _positive(name, value)
    return float(E + A / parameters**alpha + B / tokens**beta)


def compute_optimal(
    flops: float, *, A: float, B: float, alpha: float, beta: float
) -> tuple[float, float]:
    """(N, D) that minimise A / N^alpha + B / D^beta at 6 N D = flops.

    N = G (C/6)^(beta/(alpha+beta)), D = (C/6)^(alpha/(alpha+beta)) / G with
    G = (alpha A / (beta B))^(1/(alpha+beta)). Raises ValueError for arguments that are not
    positive. Source: arXiv:2203.15556, eq. 4.
    """
    for name, value in (("flops", flops), ("A", A), ("B", B), ("alpha", alpha), ("beta", beta)):
        _positive(name, value)
    both = alpha + beta
    ratio = (alpha * A / (beta * B)) ** (1 / both)
    budget = flops / 6
    return ratio * budget ** (beta / both), budget ** (alpha / both) / ratio


def sequence_accuracy(token_accuracy: float, *, length: int) -> float:
    """p^k: how often all of k tokens are right when each is right with probability p, unaided.

    Raises ValueError for a probability outside [0, 1] or a length that is no positive integer.
    Source: Schaeffer et al. 2023, arXiv:2304.15004, section 2.
    """
    at_least("length", length, 1)
    if not 0 <= token_accuracy <= 1:
        raise ValueError(f"token_accuracy={token_accuracy!r}: expected a number from 0 to 1")
    return float(token_accuracy**length)
