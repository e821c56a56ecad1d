"""GELU, exact or by tanh, forward and backward."""

from __future__ import annotations

from torch import Tensor

from conform_kernels._elementwise import elementwise

__all__ = ["gelu"]

_KINDS = {"none": "gelu", "tanh": "gelu_tanh"}


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x Phi(x), or with approximate="tanh" x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.

    Any shape and strides; float32, bfloat16 or float16, computed in float32. Source: Hendrycks and
    Gimpel 2016, arXiv:1606.08415.
    """
    if approximate not in _KINDS:
        raise ValueError(f"approximate={approximate!r}; expected 'none' or 'tanh'")
    return elementwise(x, _KINDS[approximate])
