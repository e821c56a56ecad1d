"""Builds of losses over products, of adapters and of vision."""

from __future__ import annotations

from collections.abc import Iterator

import triton

from conform_kernels import (
    _config,
    _products,
    _windows,
    clip_loss,
    dora_linear,
    nf4_quantize,
    patch_embed,
    qlora_linear,
    shifted_window_attention,
)
from conform_kernels._aot_build import ITEMSIZE, Build, F, launched
from conform_kernels._product_softmax import constants

_I = "*i32"
_Side = tuple[str | None, str | None, str | None]
_Layout = tuple[int, ...]


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    yield from _losses()
    yield from _adapters()
    for p in ("*bf16", F):
        yield from _patches(p)
        for head, window in ((32, 7), (64, 8), (32, 16)):
            yield from _window_builds(p, head, window)


def _losses() -> Iterator[Build]:
    """Features that fit registers, and more; then images with texts."""
    for p in ("*bf16", F):
        for features in (64, 128, 256, 4096):
            yield from _language_model(p, features)
        for features in (64, 512):
            yield from _clip(p, features)
    lines = _config.flat_tile()
    yield Build("product_softmax.merge", _products.merge_kernel, (F, _I, F, F, 8188, 8),
                {"LINES": lines.elements}, lines.num_warps)  # fmt: skip
    tile = _config.row_tile(512)
    yield Build("clip_loss.norms", clip_loss._inverse_norms, ("*bf16", F, 4096, 512, (512, 1)),
                {"ROWS": tile.rows, "COLS": tile.columns}, tile.num_warps)  # fmt: skip


def _language_model(p: str, features: int) -> Iterator[Build]:
    positions, words = 8188, 128256
    states = (2047, 2048 * features, features, 1)
    table = (words, words * features, features, 1)
    side, bare, end = (_I, F, None), (None, None, None), f"e{features}.{p[1:]}"
    sizes, layouts = (positions, words, features), (states, table)
    yield from _products_of(f"linear_loss.states.{end}", p, side, bare, sizes, layouts)
    sizes, layouts = (words, positions, features), (table, states)
    yield from _products_of(f"linear_loss.words.{end}", p, bare, side, sizes, layouts)


def _clip(p: str, features: int) -> Iterator[Build]:
    layout, side = (32768, 32768 * features, features, 1), (_I, F, F)
    sizes = (32768, 32768, features)
    yield from _products_of(f"clip_loss.e{features}.{p[1:]}", p, side, side, sizes, (layout,) * 2)


def _products_of(
    name: str,
    p: str,
    own: _Side,
    other: _Side,
    sizes: tuple[int, ...],
    layouts: tuple[_Layout, ...],
) -> Iterator[Build]:
    tile = _config.product_tile(sizes[2], ITEMSIZE[p])
    size = constants(tile)
    if own[0]:
        yield launched(f"{name}.forward", _products.lse_kernel,
                       (p, p, (own[0], None, own[2]), other[2], F, (*sizes, 16384), 1.5, layouts),
                       size)  # fmt: skip
    del size["WHOLE"]
    if tile.whole:
        out = F if own[2] else p
        yield launched(f"{name}.gradient", _products.gradient_kernel,
                       (p, p, own, other, F, out, sizes, 1.5, (*layouts, layouts[0])),
                       size)  # fmt: skip
    else:
        yield launched(f"{name}.slopes", _products.slope_kernel,
                       (p, p, own, other, p, 512, (*sizes, 512), 1.5, layouts), size)  # fmt: skip


def _adapters() -> Iterator[Build]:
    for p in ("*bf16", F):
        for rank in (16, 64, 256):
            yield from _low_rank(p, _config.low_rank_tile(rank, ITEMSIZE[p]), rank)
    tile = _config.flat_tile()
    yield Build("nf4_quantize", nf4_quantize._quantize,
                ("*bf16", F, "*u8", F, (1 << 24, 64, 1 << 18), 1),
                {"BLOCKS": tile.elements // 64, "SIZE": 64}, tile.num_warps)  # fmt: skip


def _low_rank(p: str, tile: _config.MatmulTile, rank: int) -> Iterator[Build]:
    end = f"r{rank}.{p[1:]}"
    size = {"ROWS": tile.rows, "OUT": tile.columns, "IN": tile.inner, "RANK": rank}
    wide, down, up = (4096, 1), (4096, 1), (rank, 1)
    run = (tile.num_warps, tile.num_stages)
    yield Build(f"dora_linear.norms.{end}", dora_linear._row_squares,
                (p, p, p, F, (4096, 4096, rank, 1024), 2.0, (wide, down, up)),
                {"OUT": tile.rows, "IN": tile.inner, "RANK": rank}, *run)  # fmt: skip
    sizes = (4096, 4096, 4096, rank)
    for name, gain_in, gain_out, dy, y in (
        ("forward", None, F, None, p), ("backward", F, None, None, p),
        ("magnitude", None, None, p, F),
    ):  # fmt: skip
        yield Build(f"dora_linear.{name}.{end}", dora_linear._scaled_linear,
                    (p, p, p, p, gain_in, gain_out, dy, y, sizes, 2.0,
                     (wide, wide, down, up, wide)), size, *run)  # fmt: skip
    for name, steps in (("forward", (4096, 1)), ("backward", (1, 4096))):
        yield Build(f"qlora_linear.{name}.{end}", qlora_linear._quantized_linear,
                    (p, "*u8", F, F, p, p, p, sizes, steps, 64, 2.0, (wide, (1, 1), down, up)),
                    size, *run)  # fmt: skip


def _patches(p: str) -> Iterator[Build]:
    """ViT-B/16 on 224 x 224 pixels."""
    tile = _config.matmul_tile(ITEMSIZE[p])
    size = {"ROWS": tile.rows, "OUT": tile.columns, "IN": tile.inner, "PATCH": 16}
    run = (tile.num_warps, tile.num_stages)
    images, flat, tokens = (150528, 50176, 224, 1), (768, 1), (768, 1)
    counts, grid = (12544, 768, 768), (14, 14)
    yield Build(f"patch_embed.forward.{p[1:]}", patch_embed._forward,
                (p, p, p, p, grid, counts, (images, flat)), size, *run)  # fmt: skip
    yield Build(f"patch_embed.backward-images.{p[1:]}", patch_embed._backward_images,
                (p, p, p, grid, counts, (tokens, flat, images)), size, *run)  # fmt: skip
    yield Build(f"patch_embed.backward-weight.{p[1:]}", patch_embed._backward_weight,
                (p, p, F, grid, counts, 2048, (images, tokens)), size, *run)  # fmt: skip


def _window_builds(p: str, head: int, window: int) -> Iterator[Build]:
    """Swin's heads and windows, and a window that takes several tiles."""
    heads, wide = 6, _config.padded_head(head)
    image = (56, 56, triton.cdiv(56, window), triton.cdiv(56, window))
    rest = (heads, image, window // 2, 0.177)
    pixel, up = (3 * heads * head, 1), (heads * head, 1)
    end = f"d{head}.w{window}.{p[1:]}"

    def constants(tile: _config.AttentionTile) -> dict[str, int]:
        return shifted_window_attention.constants(tile, head, window)

    chosen = (wide, ITEMSIZE[p])
    yield launched(f"shifted_window.forward.{end}", _windows.forward_kernel,
                   (p, p, F, *rest, pixel), constants(_config.forward_tile(*chosen)))  # fmt: skip
    yield launched(f"shifted_window.backward-queries.{end}", _windows.query_kernel,
                   (p, p, p, F, F, p, *rest, (pixel, up)),
                   constants(_config.backward_queries_tile(*chosen)))  # fmt: skip
    yield launched(f"shifted_window.backward-keys.{end}", _windows.key_kernel,
                   (p, p, F, F, p, *rest, (pixel, up)),
                   constants(_config.backward_keys_tile(*chosen)))  # fmt: skip
