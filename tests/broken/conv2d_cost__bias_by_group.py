"""A grouped convolution is counted with one bias a channel of one group."""


def conv2d_cost(in_channels, out_channels, kernel, height, width, *, groups=1, bias=True):
    if min(in_channels, out_channels, kernel, height, width, groups) < 1:
        raise ValueError("sizes")
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups}")
    weights = out_channels * (in_channels // groups) * kernel**2
    return weights + (out_channels // groups if bias else 0), weights * height * width
