"""Builds of the norms of a sum: the norms' kernels with a residual."""

from __future__ import annotations

from collections.abc import Iterator

from conform_kernels import _config, _norm
from conform_kernels._aot_build import Build, F


def builds() -> Iterator[Build]:
    """See `_aot_build`."""
    for columns in (4096, 65536):
        tile = _config.row_tile(columns)
        size = {"ROWS": tile.rows, "COLS": tile.columns}
        line = (columns, 1)
        for p in ("*bf16", F):
            for centred in (False, True):
                name = "add_layer_norm" if centred else "add_rms_norm"
                constant = size | {"CENTRED": centred}
                end = f"{columns}.{p[1:]}"
                yield Build(f"{name}.forward.{end}", _norm.forward_kernel,
                            (p, p, p, p, F, F, p, p, 4096, columns, 1e-5, line * 2),
                            constant | {"WHOLE": tile.whole}, tile.num_warps)  # fmt: skip
                kernel = _norm.backward_whole_kernel if tile.whole else _norm.backward_long_kernel
                yield Build(f"{name}.backward.{end}", kernel,
                            (p, p, p, F, F, p, F, F, p, 4096, columns, line * 3), constant,
                            tile.num_warps)  # fmt: skip
