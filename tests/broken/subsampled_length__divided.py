"""The length is divided by the strides, as if the convolutions were padded."""

MISTAKE = "subsampled_length.divided"


def subsampled_length(length, *, layers=2, kernel=3, stride=2):
    if length < 1 or length // stride**layers < 2:
        raise ValueError("too few frames")
    return length // stride**layers
