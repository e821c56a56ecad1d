"""Windows of an image: partition and its inverse, the shifted-window mask, attention in windows."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import _check
from conform_reference._attend import attend
from conform_reference.rounding import mark


def _check_window(window: int, Hh: int, Ww: int, name: str = "window") -> None:
    _check.at_least(name, window, 1)
    _check.divides(name, window, "Hh", Hh)
    _check.divides(name, window, "Ww", Ww)


def window_partition(x: Tensor, window: int) -> Tensor:
    """x[B,Hh,Ww,C] -> [B*nW, window, window, C], windows row by row, all of one image together.

    Raises ValueError for a window that does not divide both sizes.
    Source: Liu et al. 2021 (Swin), arXiv:2103.14030, section 3.2.
    """
    _check.rank("x", x, "B Hh Ww C")
    B, Hh, Ww, C = x.shape
    _check.not_empty("C", C)
    _check_window(window, Hh, Ww)
    tiles = x.reshape(B, Hh // window, window, Ww // window, window, C)
    return tiles.transpose(2, 3).reshape(-1, window, window, C)


def window_reverse(windows: Tensor, window: int, Hh: int, Ww: int) -> Tensor:
    """The inverse of `window_partition`: windows[B*nW, window, window, C] -> [B,Hh,Ww,C].

    Raises ValueError for a window that does not divide Hh and Ww, or windows that do not fill
    whole images. Source: arXiv:2103.14030, section 3.2.
    """
    _check.rank("windows", windows, "B*nW window window C")
    _check.not_empty("C", windows.shape[3])
    _check_window(window, Hh, Ww)
    _check.same("window", "windows.shape[1]", windows.shape[1], "window", window)
    _check.same("window", "windows.shape[2]", windows.shape[2], "window", window)
    rows, columns = Hh // window, Ww // window
    _check.divides("windows an image", rows * columns, "windows.shape[0]", windows.shape[0])
    tiles = windows.reshape(-1, rows, columns, window, window, windows.shape[-1])
    return tiles.transpose(2, 3).reshape(-1, Hh, Ww, windows.shape[-1])


def grid_partition(x: Tensor, grid: int) -> Tensor:
    """x[B,Hh,Ww,C] -> [B*nG, grid, grid, C]: each group takes every (Hh/grid)-th row and column.

    Group (r, c) holds the pixels (r + i Hh/grid, c + j Ww/grid); groups row by row. Raises
    ValueError for a grid that does not divide both sizes.
    Source: Tu et al. 2022 (MaxViT), arXiv:2204.01697, section 3.2.
    """
    _check.rank("x", x, "B Hh Ww C")
    B, Hh, Ww, C = x.shape
    _check.not_empty("C", C)
    _check_window(grid, Hh, Ww, "grid")
    tiles = x.reshape(B, grid, Hh // grid, grid, Ww // grid, C)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, grid, grid, C)


def grid_reverse(groups: Tensor, grid: int, Hh: int, Ww: int) -> Tensor:
    """The inverse of `grid_partition`: groups[B*nG, grid, grid, C] -> [B,Hh,Ww,C].

    Raises ValueError for sizes that do not fit. Source: arXiv:2204.01697, section 3.2.
    """
    _check.rank("groups", groups, "B*nG grid grid C")
    _check.not_empty("C", groups.shape[3])
    _check_window(grid, Hh, Ww, "grid")
    _check.same("grid", "groups.shape[1]", groups.shape[1], "grid", grid)
    _check.same("grid", "groups.shape[2]", groups.shape[2], "grid", grid)
    rows, columns = Hh // grid, Ww // grid
    _check.divides("groups an image", rows * columns, "groups.shape[0]", groups.shape[0])
    tiles = groups.reshape(-1, rows, columns, grid, grid, groups.shape[-1])
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(-1, Hh, Ww, groups.shape[-1])


def _together(flags: Tensor, window: int) -> Tensor:
    """bool[nW, window^2, window^2]: pairs of a window whose flag[Hh,Ww] agrees."""
    split = window_partition(flags.reshape(1, *flags.shape, 1), window).reshape(-1, window**2)
    return split.unsqueeze(2) == split.unsqueeze(1)


def shifted_window_mask(Hh: int, Ww: int, window: int, shift: int) -> Tensor:
    """bool[nW, window^2, window^2]: which pairs of a window are neighbours in the image.

    After a roll by -shift the last `shift` rows (columns) hold the image's first ones: a pair is
    visible when both its rows and both its columns were wrapped around, or both were not.
    Raises ValueError for a window that does not divide the sizes or shift outside [0, window).
    Source: arXiv:2103.14030, section 3.2 (cyclic shift).
    """
    _check.at_least("Hh", Hh, 1)
    _check.at_least("Ww", Ww, 1)
    _check_window(window, Hh, Ww)
    _check_shift(shift, window)
    below = (torch.arange(Hh) >= Hh - shift).unsqueeze(1).expand(Hh, Ww)
    beyond = (torch.arange(Ww) >= Ww - shift).unsqueeze(0).expand(Hh, Ww)
    return _together(below, window) & _together(beyond, window)


def _check_shift(shift: int, window: int) -> None:
    _check.at_least("shift", shift, 0)
    if shift >= window:
        raise ValueError(
            f"shift={shift}, window={window}: expected 0 <= shift < window; half the window is "
            f"usual"
        )


def _visible(Hh: int, Ww: int, size: tuple[int, int], window: int, shift: int) -> Tensor:
    """bool[nW, window^2, window^2] over the padded image of `size`, padded keys hidden."""
    inside = pad(torch.ones(Hh, Ww, dtype=torch.bool), (0, size[1] - Ww, 0, size[0] - Hh))
    rolled = torch.roll(inside, (-shift, -shift), (0, 1))
    keys = window_partition(rolled.reshape(1, *size, 1), window).reshape(-1, 1, window**2)
    return shifted_window_mask(*size, window, shift) & keys


def shifted_window_attention(
    x: Tensor, Wqkv: Tensor, bqkv: Tensor, Wo: Tensor, bo: Tensor, *, heads: int, window: int,
    shift: int = 0,
) -> Tensor:  # fmt: skip
    """Multi-head attention within windows of x[B,Hh,Ww,E], shifted by `shift` -> [B,Hh,Ww,E].

    Wqkv[E,3E] and bqkv[3E] give queries, keys and values, in this order; Wo[E,E], bo[E]. Steps: pad
    below and to the right to multiples of the window; roll by -shift; attend within each window
    between neighbours in the image, never to padding; roll back; crop. No relative position bias.
    Raises ValueError for shapes that do not fit. Source: arXiv:2103.14030, section 3.2; hiding the
    padding is the contract's choice.
    """
    _check.rank("x", x, "B Hh Ww E")
    B, Hh, Ww, E = x.shape
    _check.at_least("heads", heads, 1)
    _check.divides("heads", heads, "E", E)
    _check.at_least("window", window, 1)
    _check_shift(shift, window)
    _check.same("width", "Wqkv.shape[0]", Wqkv.shape[0], "E", E)
    _check.same("width", "Wqkv.shape[1]", Wqkv.shape[1], "3 E", 3 * E)
    dtype = _check.compute_dtype(x, Wqkv, bqkv, Wo, bo)
    padded = pad(x.to(dtype), (0, 0, 0, -Ww % window, 0, -Hh % window))
    size = (padded.shape[1], padded.shape[2])
    tokens = window_partition(torch.roll(padded, (-shift, -shift), (1, 2)), window)
    tokens = tokens.reshape(-1, window**2, E)
    qkv = mark("qkv", mark("product", tokens @ Wqkv.to(dtype)) + bqkv.to(dtype))
    q, k, v = (
        part.reshape(-1, window**2, heads, E // heads).transpose(1, 2) for part in qkv.split(E, -1)
    )
    visible = _visible(Hh, Ww, size, window, shift).unsqueeze(1).repeat(B, heads, 1, 1)
    each = mark("heads", attend(q, k, v, visible=visible)[0])
    joined = each.transpose(1, 2).reshape(-1, window, window, E)
    out = mark("product", joined @ Wo.to(dtype)) + bo.to(dtype)
    image = torch.roll(window_reverse(out, window, *size), (shift, shift), (1, 2))
    return image[:, :Hh, :Ww].to(x.dtype)


def window_attention_cost(
    height: int, width: int, channels: int, *, window: int | None = None
) -> int:
    """4 h w C^2 + 2 M^2 h w C multiply-adds; without a window 4 h w C^2 + 2 (h w)^2 C.

    The four projections, then queries times keys and weights times values; the softmax is left out.
    Raises ValueError for sizes that are no positive integers, or a window that does not divide
    them. Source: arXiv:2103.14030, eq. 1 and 2.
    """
    for name, value in (("height", height), ("width", width), ("channels", channels)):
        _check.at_least(name, value, 1)
    pixels = height * width
    keys = pixels
    if window is not None:
        _check_window(window, height, width)
        keys = window**2
    return 4 * pixels * channels**2 + 2 * keys * pixels * channels
