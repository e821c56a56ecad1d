"""The matrix product block by block."""

from torch import Tensor, cat

from conform_reference import _check
from conform_reference.rounding import mark


def _read(strips: list[Tensor], n: int) -> Tensor:
    # A strip is read several times; each reader hands its gradient back in the strip's dtype, and
    # in that dtype they are added up.
    strips[n] = mark("backward.sum", strips[n])
    return mark("backward.strip", strips[n])


def tiled_matmul(a: Tensor, b: Tensor, *, tile: int) -> Tensor:
    """C_IJ = sum over K of A_IK B_KJ in blocks of tile x tile: a[M,K], b[K,N] -> [M,N].

    The last block of a row or column may be smaller. Raises ValueError for shapes that do not fit
    or tile < 1. Source: block multiplication, as on the CMU deck's slide on tiling.
    """
    _check.rank("a", a, "M K")
    _check.rank("b", b, "K N")
    _check.same("inner size", "a.shape[1]", a.shape[1], "b.shape[0]", b.shape[0])
    _check.at_least("tile", tile, 1)
    dtype = _check.compute_dtype(a, b)
    left, right = list(a.to(dtype).split(tile, 0)), list(b.to(dtype).split(tile, 1))
    rows = []
    for i in range(len(left)):
        row = []
        for j in range(len(right)):
            blocks = _read(left, i).split(tile, 1), _read(right, j).split(tile, 0)
            total = blocks[0][0] @ blocks[1][0]
            for inner in range(1, len(blocks[0])):
                total = total + blocks[0][inner] @ blocks[1][inner]
            row.append(total)
        rows.append(cat(row, 1))
    return cat(rows, 0).to(a.dtype)
