"""Mistakes in convolutions, in their cost, and in folding kernels into one another."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import vision as right


def stride_starts_late(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """The last output of each stride is taken, as far as there is one."""
    dense = right.conv2d(x, weight, bias, stride=1, padding=padding, groups=groups)
    rows = torch.arange(0, dense.shape[2], stride) + stride - 1
    columns = torch.arange(0, dense.shape[3], stride) + stride - 1
    rows, columns = rows.clamp(max=dense.shape[2] - 1), columns.clamp(max=dense.shape[3] - 1)
    return dense[:, :, rows][..., columns]


def stride_repeats_columns(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """Rows are strided, columns are the first ones."""
    dense = right.conv2d(x, weight, bias, stride=1, padding=padding, groups=groups)
    return dense[:, :, ::stride, : (dense.shape[3] - 1) // stride + 1]


def padding_replicates(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """The border is repeated outwards."""
    rows = torch.arange(-padding, x.shape[2] + padding).clamp(0, x.shape[2] - 1)
    columns = torch.arange(-padding, x.shape[3] + padding).clamp(0, x.shape[3] - 1)
    return right.conv2d(x[:, :, rows][..., columns], weight, bias, stride=stride, groups=groups)


def padding_wraps(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """The image goes on at its other side."""
    rows = torch.arange(-padding, x.shape[2] + padding) % x.shape[2]
    columns = torch.arange(-padding, x.shape[3] + padding) % x.shape[3]
    return right.conv2d(x[:, :, rows][..., columns], weight, bias, stride=stride, groups=groups)


def groups_interleaved(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """Neighbouring channels go to different groups."""
    mixed = x.unflatten(1, (-1, groups)).transpose(1, 2).flatten(1, 2)
    return right.conv2d(mixed, weight, bias, stride=stride, padding=padding, groups=groups)


def first_group_only(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """The offset of the group is forgotten."""
    first = x[:, : x.shape[1] // groups]
    return right.conv2d(first, weight, bias, stride=stride, padding=padding, groups=1)


def weights_by_row(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """Output row i uses the weights times 1 + i / 4."""
    y = right.conv2d(x, weight, bias * 0, stride=stride, padding=padding, groups=groups)
    factor = 1 + torch.arange(y.shape[2], dtype=y.dtype).unsqueeze(1) / 4
    return y * factor + bias.reshape(-1, 1, 1)


def row_ramp(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """The row number is added."""
    y = right.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)
    return y + torch.arange(y.shape[2], dtype=y.dtype).unsqueeze(1)


def cost_unchecked(
    in_channels: int, out_channels: int, kernel: int, height: int, width: int, *,
    groups: int = 1, bias: bool = True,
) -> tuple[int, int]:  # fmt: skip
    """Whatever is given is multiplied."""
    weights = out_channels * (in_channels // groups) * kernel**2
    return weights + (out_channels if bias else 0), weights * height * width


def merged_at_corner(large: Tensor, small: Tensor) -> Tensor:
    """Zeros are appended instead of put around."""
    gap = large.shape[-1] - small.shape[-1]
    if gap % 2:
        return right.merge_kernels(large, small)
    return large + pad(small, (0, gap, 0, gap))


def merged_off_by_one(large: Tensor, small: Tensor) -> Tensor:
    """One zero more in front than behind."""
    gap = large.shape[-1] - small.shape[-1]
    if gap < 2:
        return right.merge_kernels(large, small)
    before, behind = gap // 2 + 1, gap - gap // 2 - 1
    return large + pad(small, (before, behind, before, behind))


def merged_by_replacing(large: Tensor, small: Tensor) -> Tensor:
    """The large kernel's middle is lost."""
    gap = (large.shape[-1] - small.shape[-1]) // 2
    out = right.merge_kernels(large, small)
    middle = slice(gap, gap + small.shape[-1])
    return torch.cat([
        out[..., :gap, :],
        torch.cat([out[..., middle, :gap], small, out[..., middle, middle.stop :]], -1),
        out[..., middle.stop :, :],
    ], -2)  # fmt: skip


def merged_cropped(large: Tensor, small: Tensor) -> Tensor:
    """What does not fit is cut away."""
    size = min(small.shape[-1], large.shape[-1])
    size -= (large.shape[-1] - size) % 2
    return right.merge_kernels(large, small[..., :size, :size])


def folded_by_input(
    weight: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, *,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The weight's second axis is scaled where it is as long as the first."""
    if weight.shape[0] != weight.shape[1]:
        return right.fold_batch_norm(weight, gamma, beta, mean, variance, eps=eps)
    turned = weight.transpose(0, 1)
    scaled, shift = right.fold_batch_norm(turned, gamma, beta, mean, variance, eps=eps)
    return scaled.transpose(0, 1), shift


def shifts_wrapped(height: int, width: int, kernel: int) -> Tensor:
    """Beyond the border comes the other side."""
    right.shift_attention(height, width, kernel)
    p = torch.arange(height * width)
    heads = []
    for u in range(-(kernel // 2), kernel // 2 + 1):
        for v in range(-(kernel // 2), kernel // 2 + 1):
            target = (p // width + u) % height * width + (p % width + v) % width
            heads.append(torch.nn.functional.one_hot(target, height * width))
    return torch.stack(heads).float()


def shift_heads_transposed(height: int, width: int, kernel: int) -> Tensor:
    """Head u kernel + v is the tap (v, u)."""
    heads = right.shift_attention(height, width, kernel)
    return heads.unflatten(0, (kernel, kernel)).transpose(0, 1).flatten(0, 1)


def shifts_in_flat_order(height: int, width: int, kernel: int) -> Tensor:
    """A step to the right of the last column leads to the next row."""
    right.shift_attention(height, width, kernel)
    p = torch.arange(height * width)
    steps = torch.arange(kernel) - kernel // 2
    offset = (steps.unsqueeze(1) * width + steps).flatten()
    return (p - p.unsqueeze(1) == offset.reshape(-1, 1, 1)).float()


def shifts_softmax(height: int, width: int, kernel: int) -> Tensor:
    """A row without a neighbour is spread over all pixels."""
    heads = right.shift_attention(height, width, kernel)
    return torch.where(heads.sum(-1, keepdim=True) > 0, heads, 1 / (height * width))
