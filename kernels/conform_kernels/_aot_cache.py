"""Builds of the kernels that decode over pages and over latents."""

from __future__ import annotations

from collections.abc import Iterator

from conform_kernels import _config, latent_decode_attention, paged_decode_attention
from conform_kernels._aot_build import ITEMSIZE, STRIDES, Build, F


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    for p, head, group in (("*bf16", 64, 8), ("*bf16", 128, 1), ("*bf16", 128, 8),
                           ("*bf16", 256, 8), (F, 128, 8)):  # fmt: skip
        yield _paged(p, head, group)
    # DeepSeek-V3's latent of 512 and rotary keys of 64, and a smaller one.
    for p, latent in (("*bf16", 512), ("*bf16", 256), (F, 512)):
        yield from _latent(p, latent)


def _paged(p: str, head: int, group: int) -> Build:
    tile = _config.paged_tile(head, ITEMSIZE[p])
    page = (16 * 8 * head, 8 * head, head, 1)
    return Build(
        f"paged_decode_attention.split.d{head}.group{group}.{p[1:]}",
        paged_decode_attention._paged_split,
        (p, p, p, "*i32", "*i32", F, F, 32, group, 16, 256, (4096, 16, 4096), 0.125,
         (STRIDES, page, page, (256, 1), 1)),
        {"D": head, "BD": head, "GROUP": 16, "KEYS": tile.keys}, 4, tile.num_stages,
    )  # fmt: skip


def _latent(p: str, latent: int) -> Iterator[Build]:
    heads, head, rotary, batch, end = 128, 128, 64, 64, f"c{latent}.{p[1:]}"
    tile = _config.grouped_tile(1, 1, ITEMSIZE[p])
    size = {"ROWS": tile.rows, "COLS": tile.columns, "INNER": tile.inner}
    for name, sizes, strides in (
        ("absorb", (batch, heads, head, latent), (head, 1, heads * head)),
        ("up", (batch, heads, latent, head), (head, heads * head, 1)),
    ):
        inner = sizes[2]
        yield Build(f"latent_decode_attention.{name}.{end}", latent_decode_attention._per_head,
                    (p, p, p, sizes, ((heads * inner, inner, 1), strides)), size, tile.num_warps,
                    tile.num_stages)  # fmt: skip
    tile = _config.latent_tile(latent, ITEMSIZE[p])
    both = {"C": latent, "BC": latent}
    cache = ((1 << 20, latent, 1), (1 << 20, rotary, 1))
    yield Build(f"latent_decode_attention.split.{end}", latent_decode_attention._latent_split,
                (p, p, p, p, "*i32", F, F, heads, 16, 256, 4096, 0.125,
                 ((heads * rotary, rotary, 1), *cache, 1)),
                both | {"R": rotary, "BR": rotary, "HEADS": tile.queries, "KEYS": tile.keys},
                tile.num_warps, tile.num_stages)  # fmt: skip
    yield Build(f"latent_decode_attention.merge.{end}", latent_decode_attention._latent_merge,
                (F, F, p, 16), both | {"SPLITS": 16})  # fmt: skip
