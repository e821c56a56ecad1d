"""Builds of linear attention and of products with weights."""

from __future__ import annotations

from collections.abc import Iterator

from conform_kernels import _config, linear_attention, lora_linear, nf4_dequantize
from conform_kernels._aot_build import ITEMSIZE, STRIDES, Build, F, launched


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    yield from _linear()
    yield from _adapters()


def _linear() -> Iterator[Build]:
    of = STRIDES
    for p, head in (("*bf16", 128), (F, 64)):
        for causal in (False, True):
            known = (head, head, ITEMSIZE[p], causal)
            features = linear_attention.constants(*known, over_values=False)
            values = linear_attention.constants(*known, over_values=True)
            end, common = f"{p[1:]}.{'causal' if causal else 'full'}", (32, 4096)
            yield launched(f"linear_attention.forward.{end}", linear_attention._forward,
                           (p, p, p, p, F, *common, (of,) * 3), values)  # fmt: skip
            yield launched(f"linear_attention.backward-queries.{end}",
                           linear_attention._backward_queries,
                           (p, p, p, p, F, p, p, *common, (of,) * 4), features)  # fmt: skip
            yield launched(f"linear_attention.backward-keys.{end}",
                           linear_attention._backward_keys,
                           (p, p, p, p, F, p, p, *common, (of,) * 4), features)  # fmt: skip
            yield launched(f"linear_attention.backward-values.{end}",
                           linear_attention._backward_values,
                           (p, p, F, p, p, *common, (of,) * 3), values)  # fmt: skip


def _adapters() -> Iterator[Build]:
    for p in ("*bf16", F):
        tile = _config.matmul_tile(ITEMSIZE[p])
        yield Build(f"lora_linear.{p[1:]}", lora_linear._linear,
                    (p, p, p, p, p, (4096, 4096, 4096, 16), 2.0,
                     ((4096, 1), (4096, 1), (4096, 1), (16, 1))),
                    {"ROWS": tile.rows, "OUT": tile.columns, "IN": tile.inner, "RANK": 16},
                    tile.num_warps, tile.num_stages)  # fmt: skip
    tile = _config.flat_tile()
    yield Build("nf4_dequantize", nf4_dequantize._dequantize,
                ("*u8", F, F, F, 4096, 64, (1, 1)), {"BLOCK": tile.elements},
                tile.num_warps)  # fmt: skip
