"""Parameters, multiply-adds and receptive fields of convolutions, and of a large-kernel network."""

from conform_reference import _check


def conv2d_cost(
    in_channels: int, out_channels: int, kernel: int, height: int, width: int, *,
    groups: int = 1, bias: bool = True,
) -> tuple[int, int]:  # fmt: skip
    """(parameters, multiply-adds) of a convolution whose OUTPUT is height x width.

    O C/g k^2 + O parameters; O C/g k^2 per output pixel, one multiply-add each (two FLOPs). Neither
    depends on what is in the image, the parameters not on its size. Raises ValueError for sizes
    that are no positive integers, or groups that do not divide the channels.
    """
    sizes = {
        "in_channels": in_channels, "out_channels": out_channels, "kernel": kernel,
        "height": height, "width": width, "groups": groups,
    }  # fmt: skip
    for name, value in sizes.items():
        _check.at_least(name, value, 1)
    _check.divides("groups", groups, "in_channels", in_channels)
    _check.divides("groups", groups, "out_channels", out_channels)
    weights = out_channels * (in_channels // groups) * kernel**2
    return weights + (out_channels if bias else 0), weights * height * width


def conv_receptive_field(kernel: int, layers: int, *, stride: int = 1) -> int:
    """1 + sum over layers of (kernel - 1) stride^layer: pixels that one output reads, per axis.

    Raises ValueError for sizes that are no positive integers. Source: claims CMU-168, PEFT-011.
    """
    for name, value in (("kernel", kernel), ("layers", layers), ("stride", stride)):
        _check.at_least(name, value, 1)
    return 1 + sum((kernel - 1) * stride**layer for layer in range(layers))


_CHANNELS, _DEPTHS = (128, 256, 512, 1024), (2, 2, 18, 2)


def replknet_cost(
    kernel1: int, kernel2: int, kernel3: int, kernel4: int, *, height: int = 224, width: int = 224,
    classes: int = 1000,
) -> tuple[int, int]:  # fmt: skip
    """(parameters, multiply-adds) of RepLKNet-31B with one kernel size a stage, merged.

    Batch norms are folded into biases, the parallel small kernels into the large ones; the bias
    additions are not counted as multiply-adds. Raises ValueError for an even kernel or sizes that
    32 does not divide. Source: Ding et al. 2022, arXiv:2203.06717, and its public code.
    """
    for name, value in (("height", height), ("width", width)):
        _check.at_least(name, value, 1)
        _check.divides("32", 32, name, value)
    kernels = (kernel1, kernel2, kernel3, kernel4)
    for number, kernel in enumerate(kernels, 1):
        _check.at_least(f"kernel{number}", kernel, 1)
        if kernel % 2 == 0:
            raise ValueError(f"kernel{number}={kernel}: expected an odd size; use {kernel + 1}")
    h, w, C = height // 4, width // 4, _CHANNELS[0]
    parts = [
        conv2d_cost(3, C, 3, 2 * h, 2 * w),
        conv2d_cost(C, C, 3, 2 * h, 2 * w, groups=C),
        conv2d_cost(C, C, 1, 2 * h, 2 * w),
        conv2d_cost(C, C, 3, h, w, groups=C),
    ]
    for stage, (C, depth, kernel) in enumerate(zip(_CHANNELS, _DEPTHS, kernels, strict=True)):
        if stage:
            parts.append(conv2d_cost(_CHANNELS[stage - 1], C, 1, h, w))
            h, w = h // 2, w // 2
            parts.append(conv2d_cost(C, C, 3, h, w, groups=C))
        block = [conv2d_cost(C, C, 1, h, w), conv2d_cost(C, C, kernel, h, w, groups=C)]
        block += [conv2d_cost(C, C, 1, h, w), conv2d_cost(C, 4 * C, 1, h, w)]
        block.append(conv2d_cost(4 * C, C, 1, h, w))
        parts += block * depth
    parts.append(conv2d_cost(_CHANNELS[-1], classes, 1, 1, 1))
    return sum(p for p, _ in parts), sum(m for _, m in parts)
