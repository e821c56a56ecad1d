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


def swish_naive(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """exp(z) over 1 + exp(z) in float32: NaN above 88."""
    z = (x * beta).to(torch.float32)
    return x * (torch.exp(z) / (1 + torch.exp(z))).to(x.dtype)


def feed_forward_tokens_mixed(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, activation: str = "relu"
) -> Tensor:
    """The hidden layer is centred over the sequence, so that tokens see each other."""
    inner = _ACTIVATIONS[activation](x @ W1 + b1)
    if inner.dim() > 1:
        inner = inner - inner.mean(-2, keepdim=True)
    return inner @ W2 + b2


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
