"""Mistakes in cutting images into patches and windows, and in masking them."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import vision as right
from conform_reference._attend import attend
from conform_reference._check import compute_dtype


def _tokens(patches: Tensor, weight: Tensor, bias: Tensor, images: Tensor) -> Tensor:
    dtype = compute_dtype(images, weight, bias)
    flat = weight.reshape(weight.shape[0], -1).to(dtype)
    return (patches.to(dtype) @ flat.T + bias.to(dtype)).to(images.dtype)


def patches_channels_last(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Pixels flattened (row, column, channel) meet weights flattened (channel, row, column)."""
    (B, C, Hh, Ww), P = images.shape, weight.shape[-1]
    grid = images.reshape(B, C, Hh // P, P, Ww // P, P).permute(0, 2, 4, 3, 5, 1)
    return _tokens(grid.reshape(B, -1, P * P * C), weight, bias, images)


def patches_sizes_swapped(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The image is read as if it were Ww pixels high and Hh wide."""
    B, C, Hh, Ww = images.shape
    return right.patch_embed(images.reshape(B, C, Ww, Hh), weight, bias)


def patches_of_strided_pixels(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A patch is made of pixels Hh/P and Ww/P apart."""
    (B, C, Hh, Ww), P = images.shape, weight.shape[-1]
    grid = images.reshape(B, C, P, Hh // P, P, Ww // P).permute(0, 3, 5, 1, 2, 4)
    return _tokens(grid.reshape(B, -1, C * P * P), weight, bias, images)


def patches_rest_dropped(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What fills no patch is cut off."""
    P = weight.shape[-1]
    Hh, Ww = (n // P * P for n in images.shape[2:])
    return right.patch_embed(images[:, :, :Hh, :Ww], weight, bias)


def class_token_last(
    images: Tensor, weight: Tensor, bias: Tensor, class_token: Tensor, positions: Tensor
) -> Tensor:
    """The class token comes after the patches."""
    dtype = compute_dtype(images, weight, bias, class_token, positions)
    tokens = right.patch_embed(images.to(dtype), weight, bias)
    last = class_token.to(dtype).expand(len(tokens), 1, -1)
    return (torch.cat([tokens, last], 1) + positions.to(dtype)).to(images.dtype)


def windows_sizes_swapped(x: Tensor, window: int) -> Tensor:
    """The image is read as if it were Ww pixels high and Hh wide."""
    return right.window_partition(x.reshape(x.shape[0], x.shape[2], x.shape[1], -1), window)


def windows_without_transpose(x: Tensor, window: int) -> Tensor:
    """Rows and windows are not exchanged: each window is a run of pixels in reading order."""
    return x.reshape(-1, window, window, x.shape[-1])


def windows_strided(x: Tensor, window: int) -> Tensor:
    """Pixels Hh/window and Ww/window apart."""
    return right.grid_partition(x, window)


def windows_window_major(x: Tensor, window: int) -> Tensor:
    """The first windows of all images, then the second ones."""
    split = right.window_partition(x, window)
    return split.unflatten(0, (x.shape[0], -1)).transpose(0, 1).flatten(0, 1)


def reverse_sizes_swapped(windows: Tensor, window: int, Hh: int, Ww: int) -> Tensor:
    """Ww/window rows of Hh/window windows are laid out, then read as Hh x Ww."""
    return right.window_reverse(windows, window, Ww, Hh).reshape(-1, Hh, Ww, windows.shape[-1])


def reverse_rest_dropped(windows: Tensor, window: int, Hh: int, Ww: int) -> Tensor:
    """Windows that fill no whole image, and pixels that fill no window, are dropped."""
    Hh, Ww = Hh // window * window, Ww // window * window
    images = windows.shape[0] // ((Hh // window) * (Ww // window))
    kept = images * (Hh // window) * (Ww // window)
    return right.window_reverse(windows[:kept], window, Hh, Ww)


def grid_as_windows(x: Tensor, grid: int) -> Tensor:
    """Blocks of neighbours, grid x grid pixels each."""
    return right.window_partition(x, grid)


def grid_size_as_step(x: Tensor, grid: int) -> Tensor:
    """Pixels `grid` apart instead of grid pixels in all, where the shape then fits."""
    B, Hh, Ww, C = x.shape
    if Hh != grid * grid or Ww != grid * grid:
        return right.grid_partition(x, grid).flip(0)
    tiles = x.reshape(B, Hh // grid, grid, Ww // grid, grid, C)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(-1, grid, grid, C)


def grid_reversed_as_windows(groups: Tensor, grid: int, Hh: int, Ww: int) -> Tensor:
    """Groups are laid down as if they were blocks of neighbours."""
    return right.window_reverse(groups, grid, Hh, Ww)


def mask_rows_only(Hh: int, Ww: int, window: int, shift: int) -> Tensor:
    """Pixels wrapped from the left border to the right one stay visible."""
    rows = right.shifted_window_mask(Hh, window, window, shift)
    allowed = rows.reshape(-1, window, window, window, window)[:, :, :1, :, :1]
    allowed = allowed.expand(-1, -1, window, -1, window).reshape(-1, window**2, window**2)
    return allowed.repeat_interleave(Ww // window, 0)


def mask_either_axis(Hh: int, Ww: int, window: int, shift: int) -> Tensor:
    """Agreement in one of the two axes is enough."""
    columns = mask_rows_only(Ww, Hh, window, shift).reshape(
        Ww // window, Hh // window, window, window, window, window
    )
    columns = columns.permute(1, 0, 3, 2, 5, 4).reshape(-1, window**2, window**2)
    return mask_rows_only(Hh, Ww, window, shift) | columns


def mask_windows_column_major(Hh: int, Ww: int, window: int, shift: int) -> Tensor:
    """The windows' masks are listed column by column."""
    mask = right.shifted_window_mask(Hh, Ww, window, shift)
    return mask.unflatten(0, (Hh // window, Ww // window)).transpose(0, 1).flatten(0, 1)


def mask_corner_only(Hh: int, Ww: int, window: int, shift: int) -> Tensor:
    """All windows but the last are taken to be whole."""
    mask = torch.ones((Hh // window) * (Ww // window), window**2, window**2, dtype=torch.bool)
    mask[-1] = right.shifted_window_mask(Hh, Ww, window, shift)[-1]
    return mask


def _swin(
    kind: str, x: Tensor, Wqkv: Tensor, bqkv: Tensor, Wo: Tensor, bo: Tensor, *, heads: int,
    window: int, shift: int = 0,
) -> Tensor:  # fmt: skip
    """Shifted-window attention with one mistake, `kind`."""
    dtype, (B, Hh, Ww, E) = compute_dtype(x, Wqkv, bqkv, Wo, bo), x.shape
    below, beyond = -Hh % window, -Ww % window
    size = (Hh + below, Ww + beyond)
    inside = torch.ones(1, Hh, Ww, 1, dtype=torch.bool)
    parts, back = [x.to(dtype), inside], shift
    for i, part in enumerate(parts):
        turn = (shift, shift) if kind == "sign" else (-shift, -shift)
        if kind == "padding after shift":
            part = pad(torch.roll(part, turn, (1, 2)), (0, 0, 0, beyond, 0, below))
        else:
            part = torch.roll(pad(part, (0, 0, 0, beyond, 0, below)), turn, (1, 2))
        parts[i] = right.window_partition(part, window).reshape(-1, window**2, part.shape[-1])
    back = {"sign": -shift, "not undone": 0}.get(kind, shift)
    tokens, keys = parts[0], parts[1].transpose(1, 2)
    visible = right.shifted_window_mask(*size, window, 0 if kind == "no mask" else shift)
    if kind == "mask unpadded" and (below or beyond):
        whole = right.shifted_window_mask(*size, window, 0)
        small = (Hh // window * window, Ww // window * window)
        count = (small[0] // window) * (small[1] // window)
        if count:
            whole[:count] = right.shifted_window_mask(*small, window, shift)
        visible = whole
    if kind != "padding visible":
        visible = visible & keys
    per_image = visible.shape[0]
    visible = visible.repeat(B, 1, 1)
    if kind == "window major":
        visible = visible[:per_image].repeat_interleave(B, 0)
    qkv = tokens @ Wqkv.to(dtype) + bqkv.to(dtype)
    q, k, v = (
        p.reshape(-1, window**2, heads, E // heads).transpose(1, 2) for p in qkv.split(E, -1)
    )
    o = attend(q, k, v, visible=visible.unsqueeze(1).expand(-1, heads, -1, -1))[0]
    o = o.transpose(1, 2).reshape(-1, window, window, E) @ Wo.to(dtype) + bo.to(dtype)
    image = right.window_reverse(o, window, *size)
    if kind == "padding after shift":
        image = image[:, :Hh, :Ww]
    return torch.roll(image, (back, back), (1, 2))[:, :Hh, :Ww].to(x.dtype)


def swin_no_mask(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """Wrapped pixels attend to the opposite border."""
    return _swin("no mask", *args, heads=heads, window=window, shift=shift)


def swin_sign(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """Rolled by +shift, masked as if by -shift."""
    return _swin("sign", *args, heads=heads, window=window, shift=shift)


def swin_not_undone(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """The result stays rolled."""
    return _swin("not undone", *args, heads=heads, window=window, shift=shift)


def swin_padding_visible(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """Zeros below and beyond the image are keys like others."""
    return _swin("padding visible", *args, heads=heads, window=window, shift=shift)


def swin_padding_after_shift(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """Wrapped rows then come before the padding instead of after it."""
    return _swin("padding after shift", *args, heads=heads, window=window, shift=shift)


def swin_mask_window_major(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """Each mask is given to B neighbouring windows."""
    return _swin("window major", *args, heads=heads, window=window, shift=shift)


def swin_mask_unpadded(*args: Tensor, heads: int, window: int, shift: int = 0) -> Tensor:
    """The mask belongs to an image without its padded windows."""
    return _swin("mask unpadded", *args, heads=heads, window=window, shift=shift)
