"""Builds of attention: each tile of the tables, then the rarer options at one size."""

from __future__ import annotations

from collections.abc import Iterator

from conform_kernels import (
    _attention_backward,
    _attention_forward,
    _config,
    attention_varlen,
    block_sparse_attention,
    decode_attention,
)
from conform_kernels._aot_build import ITEMSIZE, STRIDES, Build, F, launched

_NONE = (0, 0, 0, 0)


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    yield from _attention_builds()
    yield from _varlen()
    yield from _block_sparse()
    yield from _decoding()


def _attention_builds() -> Iterator[Build]:
    """Each tile of the tables; then the rarer options at one size."""
    for p, heads in (("*bf16", (64, 128, 256)), (F, (64, 128, 256))):
        for head in heads:
            causal = p == "*bf16"
            name = f"{p[1:]}.d{head}.{'causal' if causal else 'full'}"
            yield from _attention(name, p, head, causal, None, None, None, None)
    yield from _attention("bf16.d80.full", "*bf16", 80, False, None, None, None, None)
    yield from _attention("window", "*bf16", 128, True, 1023, None, None, None)
    yield from _attention("bias-mask-cap", "*bf16", 128, False, None, "*bf16", "*u8", 30.0)


def _varlen() -> Iterator[Build]:
    p, packed = "*bf16", (4096, 128, 1)
    strides = (packed, packed, packed, 1, 1)
    known = (128, 128, 2, True)
    yield launched("varlen.forward", attention_varlen._forward,
                   (p, p, p, "*i32", "*i32", p, F, 32, 4, 4096, 7, None, 0.125, strides),
                   attention_varlen.constants(*known, _config.forward_tile))  # fmt: skip
    rest = (32, 4, 4096, 7, None, 0.125, (*strides, packed))
    yield launched("varlen.backward-queries", attention_varlen._backward_queries,
                   (p, p, p, "*i32", "*i32", p, F, F, p, *rest),
                   attention_varlen.constants(*known, _config.backward_queries_tile))  # fmt: skip
    yield launched("varlen.backward-keys", attention_varlen._backward_keys,
                   (p, p, p, "*i32", "*i32", p, F, F, p, p, *rest),
                   attention_varlen.constants(*known, _config.backward_keys_tile))  # fmt: skip


def _block_sparse() -> Iterator[Build]:
    p, rest, known = "*bf16", (32, 4, (4096, 4096, 128), 0.125), (128, 128, 2, 128)
    yield launched("block_sparse.forward", block_sparse_attention._forward,
                   (p, p, p, "*u8", p, F, *rest, (*(STRIDES,) * 3, (32, 1))),
                   block_sparse_attention.constants(*known, _config.forward_tile))  # fmt: skip
    strides = (*(STRIDES,) * 3, (32, 1), STRIDES)
    yield launched("block_sparse.backward-queries", block_sparse_attention._backward_queries,
                   (p, p, p, "*u8", p, F, F, p, *rest, strides),
                   block_sparse_attention.constants(*known, _config.backward_queries_tile),
                   )  # fmt: skip
    yield launched("block_sparse.backward-keys", block_sparse_attention._backward_keys,
                   (p, p, p, "*u8", p, F, F, p, p, *rest, strides),
                   block_sparse_attention.constants(*known, _config.backward_keys_tile),
                   )  # fmt: skip


def _attention(
    name: str, p: str, head: int, causal: bool, window: int | None, bias: str | None,
    mask: str | None, cap: float | None,
) -> Iterator[Build]:  # fmt: skip
    wide = _config.padded_head(head)
    size = {"D": head, "DV": head, "BD": wide, "BDV": wide, "CAUSAL": causal}
    strides = (STRIDES,) * 3 + (STRIDES if bias else _NONE, STRIDES if mask else _NONE)
    rest = (32, 4, (4096, 4096, window), 0.125, cap)
    inputs = (p, p, p, bias, mask)
    tile = _config.forward_tile(wide, ITEMSIZE[p], bool(bias or mask))
    yield Build(f"attention.forward.{name}", _attention_forward.forward_kernel,
                (*inputs, None, p, F, *rest, strides),
                size | {"QUERIES": tile.queries, "KEYS": tile.keys}, tile.num_warps,
                tile.num_stages)  # fmt: skip
    tile = _config.backward_queries_tile(wide, ITEMSIZE[p], bool(bias or mask))
    constants = size | {"QUERIES": tile.queries, "KEYS": tile.keys}
    after = (*rest, (*strides, STRIDES))
    yield Build(f"attention.backward-queries.{name}", _attention_backward.query_kernel,
                (*inputs, p, F, F, p, F if bias else None, *after), constants, tile.num_warps,
                tile.num_stages)  # fmt: skip
    tile = _config.backward_keys_tile(wide, ITEMSIZE[p], bool(bias or mask))
    constants = size | {"QUERIES": tile.queries, "KEYS": tile.keys}
    yield Build(f"attention.backward-keys.{name}", _attention_backward.key_kernel,
                (*inputs, p, F, F, p, p, *after), constants, tile.num_warps,
                tile.num_stages)  # fmt: skip
    if name.endswith("full"):
        yield Build(f"attention.delta.{name}", _attention_backward.delta_kernel,
                    (p, p, None, F, 4096, (32, 4096, *STRIDES)),
                    {"DV": head, "BDV": wide, "QUERIES": 32})  # fmt: skip


def _decoding() -> Iterator[Build]:
    for head, group in ((64, 8), (128, 1), (128, 8)):
        tile = _config.forward_tile(head, 2)
        yield Build(f"decode_attention.split.d{head}.group{group}", decode_attention._split,
                    ("*bf16", "*bf16", "*bf16", "*i64", F, F, 32, group, 16, 256, 4096, 0.125,
                     (STRIDES, STRIDES, STRIDES, 1)),
                    {"D": head, "BD": head, "GROUP": 16, "KEYS": tile.keys}, 4,
                    tile.num_stages)  # fmt: skip
    yield Build("decode_attention.merge", decode_attention._merge, (F, F, "*bf16", 16),
                {"D": 128, "BD": 128, "SPLITS": 16})  # fmt: skip
