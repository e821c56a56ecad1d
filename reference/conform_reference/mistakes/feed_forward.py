"""Feed-forward code that went wrong in ways no expression over the oracle says."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference.feed_forward import gelu, swish

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": gelu,
    "gelu_tanh": lambda x: gelu(x, approximate="tanh"),
    "swish": swish,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def _quantised(x: Tensor) -> Tensor:
    """x in 127 steps of its largest magnitude, as after a dynamic int8 quantisation."""
    step = x.abs().amax() / 127 if x.numel() else 1.0
    return torch.where(x == 0, x, torch.round(x / step) * step)


def gelu_quantised(x: Tensor, *, approximate: str = "none") -> Tensor:
    """The input went through int8."""
    return gelu(_quantised(x), approximate=approximate)


def swish_quantised(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """The input went through int8."""
    return swish(_quantised(x), beta=beta)


def gelu_polynomial(x: Tensor, *, approximate: str = "none") -> Tensor:
    """erf by four terms of its Taylor series, which leave [-1, 1] beyond |x| = 2."""
    z = x * 0.5**0.5
    series = z - z**3 / 3 + z**5 / 10 - z**7 / 42
    return 0.5 * x * (1 + series * (2 / torch.pi**0.5))


def gelu_cube_in_float16(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x^3 in float16: infinite above 40, where the tanh is 1 and its slope 0 times infinity."""
    if approximate != "tanh":
        return gelu(x)
    z = x.to(torch.float16)
    cube = (z * z * z).to(x.dtype)
    inner: Tensor = (2 / torch.pi) ** 0.5 * (x + 0.044715 * cube)
    return 0.5 * x * (1 + torch.tanh(inner))


def swish_naive(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """exp(z) over 1 + exp(z) in float32: NaN above 88."""
    z = (x * beta).to(torch.float32)
    return x * (torch.exp(z) / (1 + torch.exp(z))).to(x.dtype)


def _token_before(x: Tensor) -> Tensor:
    """Half of every token comes from the one before it (a causal convolution of width 2)."""
    if x.dim() < 2:
        return x
    return 0.5 * x + 0.5 * torch.cat([x[..., :1, :], x[..., :-1, :]], dim=-2)


def _tiles(width: int) -> int:
    """Up to the last full tile of 8, or everything if there is none."""
    return width // 8 * 8 or width


def feed_forward_token_before(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, activation: str = "relu"
) -> Tensor:
    """Tokens see their neighbour."""
    return _ACTIVATIONS[activation](_token_before(x) @ W1 + b1) @ W2 + b2


def feed_forward_tile_tail(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, activation: str = "relu"
) -> Tensor:
    """The sum over hidden units stops at the last full tile."""
    inner = _ACTIVATIONS[activation](x @ W1 + b1)
    n = _tiles(W1.shape[1])
    return inner[..., :n] @ W2[:n] + b2


def glu_token_before(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """Tokens see their neighbour."""
    y = _token_before(x)
    return (_ACTIVATIONS[activation](y @ W) * (y @ V)) @ W2


def glu_tile_tail(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """The sum over hidden units stops at the last full tile."""
    n = _tiles(W.shape[1])
    return (_ACTIVATIONS[activation](x @ W[:, :n]) * (x @ V[:, :n])) @ W2[:n]


def glu_activation_on_both(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """The value branch is activated as well."""
    act = _ACTIVATIONS[activation]
    return (act(x @ W) * act(x @ V)) @ W2


def glu_activation_after_product(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """The activation is applied to the product of the branches."""
    return _ACTIVATIONS[activation]((x @ W) * (x @ V)) @ W2


def glu_gate_added(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """The branches are added instead of multiplied."""
    return (_ACTIVATIONS[activation](x @ W) + x @ V) @ W2
