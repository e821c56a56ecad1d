"""Memory layouts: the values asked for, the strides named, the margins marked."""

from __future__ import annotations

import pytest
import torch

from conform.draw import layout
from conform.draw.case import Source
from conform.draw.fill import fill


@pytest.mark.parametrize(
    "name", ["contiguous", "transposed", "sliced", "pitched", "cut", "parted", "misaligned"]
)
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (2, 1, 3, 1), (0, 3), ()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_placed_values_are_equal_and_margins_marked(
    name: str, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    values = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3).to(dtype)
    placed = layout.place(values, name)
    assert torch.equal(placed.view(), values)
    assert placed.view().shape == values.shape
    if name == "contiguous" or not values.numel() or not shape:
        return
    inside = torch.zeros(placed.storage.shape, dtype=torch.bool)
    torch.as_strided(inside, placed.shape, placed.strides, placed.offset).fill_(True)
    margins = placed.storage[~inside]
    assert margins.numel() >= layout.MARGIN
    if dtype.is_floating_point:
        assert margins.isnan().all()
    elif dtype is torch.int64:
        assert (margins == margins[0]).all()
        assert margins[0].abs() > 2**20


def test_strides_are_as_named() -> None:
    values = torch.arange(24.0).reshape(2, 3, 4)
    assert layout.place(values, "contiguous").view().is_contiguous()
    transposed = layout.place(values, "transposed").view()
    assert transposed.mT.is_contiguous()
    sliced = layout.place(values, "sliced").view()
    assert sliced.stride(-1) == 1
    assert sliced.stride(-2) > 4
    pitched = layout.place(values, "pitched").view()
    assert pitched.stride() == (18, 6, 1)
    assert pitched.view(-1, 4).stride() == (6, 1)
    cut = layout.place(values, "cut").view()
    assert cut.stride() == (16, 4, 1)
    parted = layout.place(values[None].repeat(2, 1, 1, 1), "parted").view()
    assert parted[0].is_contiguous()
    assert parted.stride(0) == (values.shape[0] + 1) * values[0].numel()
    misaligned = layout.place(values, "misaligned")
    assert misaligned.offset == 2
    assert misaligned.view().is_contiguous()
    expanded = layout.place(values.narrow(1, 0, 1).expand(2, 3, 4), "expanded:1").view()
    assert expanded.stride(1) == 0
    assert torch.equal(expanded, values.narrow(1, 0, 1).expand(2, 3, 4))


def test_expanded_sources_are_constant_along_the_axis() -> None:
    x = fill(Source("regime", (3, 4, 5), (), "x", "normal", "expanded:1"), 1, "float32")
    assert torch.equal(x, x.narrow(1, 0, 1).expand(3, 4, 5))


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("transposed", (2,)),
        ("swapped", (1,)),
        ("channels_last", (2,)),
        ("sliced", (1,)),
        ("cut", (1,)),
        ("misaligned", (1,)),
    ],
)
def test_a_vector_has_layouts_too(name: str, strides: tuple[int, ...]) -> None:
    values = torch.arange(5.0)
    placed = layout.place(values, name)
    assert placed.strides == strides
    assert torch.equal(placed.view(), values)


def test_heads_and_length_lie_swapped() -> None:
    placed = layout.place(torch.zeros(2, 3, 4, 8), "swapped")
    assert placed.strides == (96, 8, 24, 1)
    assert layout.place(torch.zeros(4, 8), "swapped").strides[-1] == 1


def test_channels_lie_innermost() -> None:
    placed = layout.place(torch.zeros(2, 3, 4, 8), "channels_last")
    assert placed.strides == (96, 1, 24, 3)
    assert placed.view().is_contiguous(memory_format=torch.channels_last)
    assert layout.place(torch.zeros(3, 4, 8), "channels_last").strides == (32, 1, 4)


def test_sliced_matrices_lie_apart_by_an_unused_row() -> None:
    """As the heads of a cache that is not full."""
    placed = layout.place(torch.ones(2, 3, 4, 5), "sliced")
    assert placed.strides == (105, 35, 7, 1)
    between = placed.offset + 4 * 7
    unused = torch.as_strided(placed.storage, (5, 5), (35, 1), between)
    assert unused.isnan().all()
