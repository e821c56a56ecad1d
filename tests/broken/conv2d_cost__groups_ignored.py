"""A depthwise convolution is charged like a full one."""

MISTAKE = "conv2d_cost.groups-ignored"


def conv2d_cost(in_channels, out_channels, kernel, height, width, *, groups=1, bias=True):
    if min(in_channels, out_channels, kernel, height, width) < 1 or in_channels % groups:
        raise ValueError("sizes do not fit")
    weights = in_channels * out_channels * kernel**2
    return weights + out_channels * bias, weights * height * width
