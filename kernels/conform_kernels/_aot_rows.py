"""Builds of the kernels over rows and elements."""

from __future__ import annotations

from collections.abc import Iterator

import triton

from conform_kernels import (
    _config,
    _elementwise,
    _norm,
    attention_merge,
    embedding,
    glu_feed_forward,
    language_model_loss,
    rope,
    softmax,
)
from conform_kernels._aot_build import STRIDES, Build, F


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    yield from _rows()
    yield from _activations()
    yield from _rotations()
    yield from _lookups()


def _rows() -> Iterator[Build]:
    for columns in (64, 4096, 8192, 16384, 65536):
        tile = _config.row_tile(columns)
        size = {"ROWS": tile.rows, "COLS": tile.columns}
        whole = size | {"WHOLE": tile.whole}
        warps = tile.num_warps
        for p in ("*bf16", F):
            end = f"{columns}.{p[1:]}"
            flat = (columns, 1)
            yield Build(f"softmax.forward.{end}", softmax._forward, (p, p, 4096, columns, flat),
                        whole, warps)  # fmt: skip
            yield Build(f"softmax.backward.{end}", softmax._backward,
                        (p, p, p, 4096, columns, flat), whole, warps)  # fmt: skip
            for centred in (False, True):
                name = "layer_norm" if centred else "rms_norm"
                constant = whole | {"CENTRED": centred}
                yield Build(f"{name}.forward.{end}", _norm.forward_kernel,
                            (p, p, p, p, F, F, None, None, 4096, columns, 1e-5, flat), constant,
                            warps)  # fmt: skip
                kernel = _norm.backward_whole_kernel if tile.whole else _norm.backward_long_kernel
                yield Build(f"{name}.backward.{end}", kernel,
                            (p, p, p, F, F, p, F, F, None, 4096, columns, flat * 2),
                            size | {"CENTRED": centred}, warps)  # fmt: skip
    tile = _config.row_tile(32000)
    size = {"ROWS": tile.rows, "COLS": tile.columns}
    for name, kernel in (("forward", language_model_loss._forward),
                         ("backward", language_model_loss._backward)):  # fmt: skip
        between = (F, F) if name == "forward" else (F, F, "*bf16")
        yield Build(f"language_model_loss.{name}", kernel,
                    ("*bf16", "*i64", *between, 4096, 32000, 7, STRIDES[1:], 2047),
                    size, tile.num_warps)  # fmt: skip
    tile = _config.row_tile(128)
    size = {"ROWS": tile.rows, "COLS": tile.columns}
    p = "*bf16"
    yield Build("attention_merge.forward", attention_merge._forward,
                (p, F, p, F, p, F, 4096, 128, (128, 1) * 2), size, tile.num_warps)  # fmt: skip
    yield Build("attention_merge.backward", attention_merge._backward,
                (p, F, p, F, p, None, p, p, F, F, 4096, 128, (128, 1) * 3),
                size, tile.num_warps)  # fmt: skip


def _activations() -> Iterator[Build]:
    tile = _config.flat_tile()
    size = {"BLOCK": tile.elements}
    for kind in ("gelu", "gelu_tanh", "swish"):
        yield Build(f"{kind}.forward", _elementwise.forward_kernel,
                    ("*bf16", "*bf16", 4096, 1, 1.0), size | {"KIND": kind},
                    tile.num_warps)  # fmt: skip
        yield Build(f"{kind}.backward", _elementwise.backward_kernel,
                    ("*bf16", "*bf16", "*bf16", 4096, 1, 1, 1.0), size | {"KIND": kind},
                    tile.num_warps)  # fmt: skip
    for kind in glu_feed_forward._KINDS:
        yield Build(f"glu.{kind}.forward", glu_feed_forward._forward,
                    ("*bf16",) * 3 + (4096,), size | {"KIND": kind}, tile.num_warps)  # fmt: skip
        yield Build(f"glu.{kind}.backward", glu_feed_forward._backward,
                    ("*bf16",) * 5 + (4096,), size | {"KIND": kind}, tile.num_warps)  # fmt: skip


def _rotations() -> Iterator[Build]:
    for width, rotary in ((128, 128), (64, 32)):
        tile = _config.rope_tile(rotary // 2)
        for interleaved in (False, True):
            yield Build(
                f"rope.{width}.{rotary}.{'interleaved' if interleaved else 'half'}", rope._rotate,
                ("*bf16", "*bf16", "*i64", 32, 4096, (*STRIDES, 0, 1), 13.3, 1.5, 1.5),
                {"ROTARY": rotary, "WIDTH": width, "INTERLEAVED": interleaved,
                 "PAIRS": triton.next_power_of_2(rotary // 2),
                 "REST": triton.next_power_of_2(max(width - rotary, 1)), "BLOCK": tile.positions},
                tile.num_warps,
            )  # fmt: skip


def _lookups() -> Iterator[Build]:
    tile = _config.row_tile(4096)
    yield Build("embedding.forward", embedding._gather,
                ("*i64", "*bf16", "*bf16", 4096, 4096, (4096, 1)),
                {"ROWS": tile.rows, "COLS": tile.columns}, tile.num_warps)  # fmt: skip
    yield Build("embedding.backward", embedding._scatter,
                ("*i64", "*i64", "*bf16", "*bf16", 4096, (4096, 1)), {"COLS": tile.columns},
                tile.num_warps)  # fmt: skip
