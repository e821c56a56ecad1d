"""Convolutions over text, their reach, and how many steps information takes."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._saved import sigmoid
from conform_reference.rounding import another_order, mark

_KINDS = ("rnn", "convolution", "attention")


def _positive(**sizes: int) -> None:
    for name, value in sizes.items():
        _check.at_least(name, value, 1)


def _convolve(x: Tensor, W: Tensor, b: Tensor, dilation: int, causal: bool) -> Tensor:
    """sum_j x[:, t + j * dilation] W[j] + b in x's dtype; causal pads zeros on the left."""
    reach = (W.shape[0] - 1) * dilation
    if causal:
        x = torch.cat([x.new_zeros(x.shape[0], reach, x.shape[2]), x], 1)
    length = x.shape[1] - reach
    if length < 1:
        raise ValueError(
            f"x.shape[1]={x.shape[1]}: expected at least {reach + 1} tokens for a filter of width "
            f"{W.shape[0]}; pad the text or pass causal=True"
        )
    taps = []
    for j in range(W.shape[0]):
        taps.append(mark("backward.taps", x[:, j * dilation :][:, :length]))
        x = mark("backward.partial", x)
    offset = mark("backward.sum.bias", b.expand(x.shape[0], length, -1))

    def tap_by_tap() -> Tensor:
        """One product a tap, added up in turn: eager code stores each of them and each sum."""
        total = offset
        for tap, weight in zip(taps, W, strict=True):
            total = mark("partial", total + mark("tap", tap @ weight))
        return total

    product = mark("product", torch.cat(taps, 2) @ W.flatten(0, 1))
    return another_order(product + offset, tap_by_tap)


def _ready(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    _check.rank("x", x, "B L E")
    _check.rank("W", W, "K E C")
    _check.same("width", "x.shape[2]", x.shape[2], "W.shape[1]", W.shape[1])
    _check.same("channels", "b.shape[0]", b.shape[0], "W.shape[2]", W.shape[2])
    _check.not_empty("K", W.shape[0])
    dtype = _check.compute_dtype(x, W, b)
    return x.to(dtype), W.to(dtype), b.to(dtype)


def text_convolution(
    x: Tensor, W: Tensor, b: Tensor, *, dilation: int = 1, causal: bool = False
) -> Tensor:
    """y_t = sum_j x_{t + j dilation} W_j + b: x[B,L,E], W[K,E,C], b[C] -> [B,L-(K-1)dilation,C].

    causal=True puts zeros before the text, so that y_t ends with x_t: [B,L,C]. Raises ValueError
    for shapes that do not fit or a text shorter than the filter. Source: Collobert et al. 2011;
    causal and dilated: Kalchbrenner et al. 2016, arXiv:1610.10099.
    """
    _positive(dilation=dilation)
    return _convolve(*_ready(x, W, b), dilation, causal).to(x.dtype)


def text_cnn(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Maximum over time of relu(convolution): x[B,L,E], W[K,E,C], b[C] -> [B,C].

    Raises ValueError as `text_convolution`. Source: Kim 2014, arXiv:1408.5882, eq. 2 and 3.
    """
    features = mark("sum", _convolve(*_ready(x, W, b), 1, False))
    return torch.amax(torch.relu(features), dim=1).to(x.dtype)


def gated_convolution(x: Tensor, W: Tensor, b: Tensor, *, causal: bool = True) -> Tensor:
    """a * sigmoid(g) for [a, g] = convolution of x: x[B,L,E], W[K,E,2C], b[2C] -> [B,L',C].

    L' = L when causal, L - K + 1 otherwise. Raises ValueError as `text_convolution`, or for an odd
    number of channels. Source: Gehring et al. 2017, arXiv:1705.03122, section 3.2 (residual and
    scaling left to the caller).
    """
    _check.divides("2", 2, "W.shape[2]", W.shape[2])
    both = mark("sum", _convolve(*_ready(x, W, b), 1, causal))
    value, gate = both.chunk(2, -1)
    return (value * sigmoid("gate", gate)).to(x.dtype)


def dilated_stack(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Causal convolutions of dilation 1, 2, 4, ... with ReLUs between: x[B,L,E] -> [B,L,E].

    W[N,K,E,E], b[N,E]; no ReLU after the last layer. Raises ValueError for shapes that do not fit.
    Source: Kalchbrenner et al. 2016, arXiv:1610.10099, section 3.4 (ByteNet, without its norms and
    residuals).
    """
    _check.rank("W", W, "N K E E")
    _check.same("layers", "b.shape[0]", b.shape[0], "W.shape[0]", W.shape[0])
    y, dtype = x, _check.compute_dtype(x, W, b)
    for n in range(W.shape[0]):
        y = mark("layer", _convolve(*_ready(y.to(dtype), W[n], b[n]), 2**n, True))
        y = torch.relu(y) if n + 1 < W.shape[0] else y
    return y.to(x.dtype)


def receptive_field(*, width: int, layers: int, growth: int = 1) -> int:
    """Tokens that one output sees: 1 + (width - 1) * sum of growth^l for l < layers.

    growth 1: no dilation; 2: dilation doubles from layer to layer. Raises ValueError for sizes that
    are not positive integers. Source: arXiv:1610.10099, section 3.4.
    """
    _positive(width=width, layers=layers, growth=growth)
    return 1 + (width - 1) * sum(growth**layer for layer in range(layers))


def path_length(*, distance: int, kind: str, width: int = 3) -> int:
    """Steps that information takes over `distance` tokens: rnn, convolution or attention.

    rnn: distance transitions; causal convolution of `width`: ceil(distance / (width - 1)) layers;
    attention: 1. Raises ValueError for sizes that are not positive integers, a convolution of width
    1 or an unknown kind. Source: Vaswani et al. 2017, arXiv:1706.03762, table 1.
    """
    _positive(distance=distance, width=width)
    if kind not in _KINDS or (kind == "convolution" and width < 2):
        raise ValueError(
            f"kind={kind!r}, width={width}: expected one of {', '.join(_KINDS)}, and a convolution "
            f"of width at least 2, for narrower ones join nothing"
        )
    return {"rnn": distance, "convolution": -(-distance // max(width - 1, 1)), "attention": 1}[kind]


def minimum_steps(*, position: int, layer: int, kind: str) -> int:
    """Sequential steps until the state of `layer` at `position` (both from 1) is there.

    rnn: position + layer - 1, for it waits for its left and its lower neighbour; convolution and
    attention: layer. Raises ValueError for sizes that are not positive integers or an unknown kind.
    Source: Vaswani et al. 2017, arXiv:1706.03762, table 1; the wavefront is elementary.
    """
    _positive(position=position, layer=layer)
    if kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(_KINDS)}")
    return position + layer - 1 if kind == "rnn" else layer
