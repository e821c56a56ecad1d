"""Builds of the kernels of mixtures of experts."""

from __future__ import annotations

from collections.abc import Iterator

import triton

from conform_kernels import _config, _dispatch, _grouped, _route
from conform_kernels._aot_build import ITEMSIZE, Build, F

# Mixtral's and DeepSeek-V3's experts; (experts, width, hidden width, top_k).
_LAYERS = {"mixtral": (8, 4096, 14336, 2), "deepseek": (256, 7168, 2048, 8)}


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    yield from _routers()
    yield from _dispatches()
    for p in ("*bf16", F):
        for tile in (tile for width, tile in _config.GROUPED_TILES if width == ITEMSIZE[p]):
            yield from _products(p, tile)
    yield from _combinations()


def _routers() -> Iterator[Build]:
    for p, experts in (("*bf16", 8), ("*bf16", 256), ("*bf16", 512), (F, 8), (F, 512)):
        tile = _config.route_tile(experts, ITEMSIZE[p])
        size = {"TOKENS": tile.tokens, "EXPERTS": tile.experts}
        end = f"n{experts}.{p[1:]}"
        yield Build(f"router.forward.{end}", _route.route_kernel,
                    (p, p, F, "*i64", p, (4096, 4096, experts, 2), ((4096, 1), (experts, 1))),
                    size | {"INNER": tile.inner}, tile.num_warps, tile.num_stages)  # fmt: skip
        size = size | {"PARTS": 16}
        yield Build(f"router.backward.{end}", _route.route_backward_kernel,
                    (F, "*i64", p, None, p, (4096, experts, 2, 2), (2, 1)), size,
                    tile.num_warps)  # fmt: skip
        yield Build(f"moe_layer.router-backward.{end}", _route.route_backward_kernel,
                    (F, "*i64", F, "*i64", p, (4096, experts, 2, 112), (112, 1)), size,
                    tile.num_warps)  # fmt: skip


def _dispatches() -> Iterator[Build]:
    tile = _config.count_tile()
    sizes, strides = (4096, 2, 8), (2, 1)
    one = {"BLOCK": tile.block, "EXPERTS": tile.experts}
    yield Build("moe_dispatch.count", _dispatch.count_kernel, ("*i64", "*i32", sizes, strides),
                one, tile.num_warps)  # fmt: skip
    yield Build("moe_dispatch.scan", _dispatch.scan_kernel, ("*i32", "*i32", 64, 8),
                {"BLOCKS": tile.blocks, "EXPERTS": tile.experts}, tile.num_warps)  # fmt: skip
    yield Build("moe_dispatch.place", _dispatch.place_kernel,
                ("*i64", "*i32", None, "*u8", None, None, sizes, 1024, strides), one,
                tile.num_warps)  # fmt: skip
    yield Build("moe_layer.place", _dispatch.place_kernel,
                ("*i64", "*i32", "*i32", None, "*i64", "*i64", sizes, 1024, strides), one,
                tile.num_warps)  # fmt: skip


def _products(p: str, tile: _config.MatmulTile) -> Iterator[Build]:
    experts, width, wide, ranks = _LAYERS["deepseek" if tile.rows < 32 else "mixtral"]
    size = {"ROWS": tile.rows, "COLS": tile.columns, "INNER": tile.inner}
    more = size | {"EXPERTS": triton.next_power_of_2(experts),
                   "TOGETHER": _config.ROW_TILES_TOGETHER}  # fmt: skip
    end = f"{tile.rows}x{tile.columns}.{p[1:]}"
    launch = (tile.num_warps, tile.num_stages)
    up, down = (64, experts, width, wide, ranks), (64, experts, wide, width, ranks)
    first = ((width, 1), (width * wide, wide, 1))
    second = ((wide, 1), (width * wide, width, 1))
    nothing = (None, None, None)
    yield Build(f"moe_layer.up.{end}", _grouped.grouped_kernel,
                (p, "*i64", p, p, *nothing, "*i32", up, first), more | {"RELU": True},
                *launch)  # fmt: skip
    yield Build(f"moe_layer.down.{end}", _grouped.grouped_kernel,
                (p, None, p, p, *nothing, "*i32", down, second), more | {"RELU": False},
                *launch)  # fmt: skip
    yield Build(f"moe_layer.down-back.{end}", _grouped.grouped_kernel,
                (p, "*i64", p, p, p, F, F, "*i32", up, ((width, 1), (width * wide, 1, width))),
                more | {"RELU": False}, *launch)  # fmt: skip
    yield Build(f"moe_layer.up-back.{end}", _grouped.grouped_kernel,
                (p, None, p, p, *nothing, "*i32", down, ((wide, 1), (width * wide, 1, wide))),
                more | {"RELU": False}, *launch)  # fmt: skip
    if tile == _config.grouped_tile(1 << 20, 1, ITEMSIZE[p]):
        both = ((width, 1), (wide, 1))
        yield Build(f"moe_layer.up-gradient.{end}", _grouped.weight_gradient_kernel,
                    (p, "*i64", p, None, None, p, "*i32", (width, wide, ranks), both), size,
                    *launch)  # fmt: skip
        yield Build(f"moe_layer.down-gradient.{end}", _grouped.weight_gradient_kernel,
                    (p, None, p, "*i64", F, p, "*i32", (wide, width, ranks), both[::-1]), size,
                    *launch)  # fmt: skip


def _combinations() -> Iterator[Build]:
    for p in ("*bf16", F):
        for width in (4096, 7168):
            tile = _config.row_tile(width)
            size = {"ROWS": tile.rows, "COLS": tile.columns}
            for way, gates, more in (("forward", F, None), ("backward", None, p)):
                yield Build(f"moe_layer.combine-{way}.{width}.{p[1:]}", _grouped.combine_kernel,
                            (p, "*i64", gates, more, p, (4096, 2, width)), size,
                            tile.num_warps)  # fmt: skip
