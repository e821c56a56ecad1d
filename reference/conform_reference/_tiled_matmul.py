"""The matrix product block by block."""

from torch import Tensor, cat

from conform_reference import _check


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
    columns = [part.split(tile, 1) for part in b.to(dtype).split(tile, 0)]
    rows = []
    for part in a.to(dtype).split(tile, 0):
        blocks = part.split(tile, 1)
        row = []
        for j in range(len(columns[0])):
            total = blocks[0] @ columns[0][j]
            for inner in range(1, len(blocks)):
                total = total + blocks[inner] @ columns[inner][j]
            row.append(total)
        rows.append(cat(row, 1))
    return cat(rows, 0).to(a.dtype)
