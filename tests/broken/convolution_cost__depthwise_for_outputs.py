"""The depthwise filters are counted for the output channels."""

MISTAKE = "convolution_cost.depthwise-for-outputs"


def convolution_cost(*, channels_in, channels_out, kernel, positions=1, separable=False):
    if min(channels_in, channels_out, kernel, positions) < 1:
        raise ValueError("sizes must be positive")
    mix = channels_in * channels_out
    return positions * (channels_out * kernel**2 + mix if separable else mix * kernel**2)
