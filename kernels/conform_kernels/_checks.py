"""What the launchers refuse, in one voice: name=value, what was expected."""

from __future__ import annotations

import torch
from torch import Tensor

from conform_kernels._interpreter import interpreting

FLOATS = (torch.float32, torch.bfloat16, torch.float16)
INTEGERS = (torch.int64, torch.int32)


def check_floats(**tensors: Tensor) -> None:
    """Raise ValueError unless all are float32, bfloat16 or float16, alike, on one usable device."""
    names = list(tensors)
    first = tensors[names[0]]
    if first.dtype not in FLOATS:
        raise ValueError(
            f"{names[0]}.dtype={first.dtype}; expected float32, bfloat16 or float16 (kernels "
            "compute in float32: cast wider inputs yourself)"
        )
    for name in names[1:]:
        if tensors[name].dtype != first.dtype:
            raise ValueError(
                f"{name}.dtype={tensors[name].dtype}; expected {first.dtype} as {names[0]} has"
            )
    check_device(**tensors)


def check_device(**tensors: Tensor) -> None:
    """Raise ValueError unless all are on one device that kernels can run on."""
    names = list(tensors)
    device = tensors[names[0]].device
    for name in names:
        if tensors[name].device != device:
            raise ValueError(
                f"{name}.device={tensors[name].device}; expected {device} as {names[0]} has"
            )
    if device.type == "cpu" and not interpreting():
        raise ValueError(
            f"{names[0]}.device=cpu; expected a GPU, or TRITON_INTERPRET=1 in the environment "
            "before triton is imported"
        )


def check_integers(**tensors: Tensor) -> None:
    """Raise ValueError unless all are int64 or int32."""
    for name, tensor in tensors.items():
        if tensor.dtype not in INTEGERS:
            raise ValueError(f"{name}.dtype={tensor.dtype}; expected int64 or int32")


def check_shape(name: str, tensor: Tensor, expected: tuple[int | None, ...]) -> None:
    """Raise ValueError unless the shape is as expected; None stands for any size."""
    shape = tuple(tensor.shape)
    fits = len(shape) == len(expected) and all(
        want is None or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not fits:
        words = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"{name}.shape={shape}; expected ({words})")


def as_rows(x: Tensor) -> Tensor:
    """x[..., N] as [rows, N]: a view where the strides allow it, else a copy."""
    return x.reshape(-1, x.shape[-1]) if x.dim() != 2 else x
