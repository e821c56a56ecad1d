"""Argument checks whose messages say name=value, what was expected and how to mend it."""

import torch
from torch import Tensor


def rank(name: str, x: Tensor, layout: str) -> None:
    """`x` must have as many dimensions as `layout` names, such as "B H L D"."""
    expected = len(layout.split())
    if x.dim() != expected:
        raise ValueError(
            f"{name}.shape={tuple(x.shape)}: expected {expected} dimensions ({layout}); "
            f"reshape or unsqueeze {name}"
        )


def same(what: str, a_name: str, a: int, b_name: str, b: int) -> None:
    """Two sizes must agree."""
    if a != b:
        raise ValueError(
            f"{a_name}={a}, {b_name}={b}: expected the same {what}; pass tensors that agree in it"
        )


def at_least(name: str, value: int, least: int) -> None:
    """An integer option must not be smaller than `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r}: expected an integer of at least {least}; raise {name}")


def not_empty(name: str, size: int) -> None:
    """A size that must not be 0."""
    if size < 1:
        raise ValueError(f"{name}={size}: expected at least 1; there is nothing to compute from")


def divides(name: str, part: int, whole_name: str, whole: int) -> None:
    """`part` must be positive and divide `whole`."""
    if part < 1 or whole % part:
        raise ValueError(
            f"{name}={part}, {whole_name}={whole}: expected {name} to divide {whole_name}; "
            f"choose a divisor of {whole}"
        )


def broadcasts(name: str, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` expanded to `shape`."""
    try:
        return torch.broadcast_to(x, shape)
    except RuntimeError as error:
        raise ValueError(
            f"{name}.shape={tuple(x.shape)}: expected something that broadcasts to {shape}; "
            f"add dimensions of size 1"
        ) from error


def compute_dtype(*tensors: Tensor | None) -> torch.dtype:
    """The widest floating dtype given, and at least float32."""
    dtype = torch.float32
    for x in tensors:
        if x is not None and x.is_floating_point():
            dtype = torch.promote_types(dtype, x.dtype)
    return dtype
