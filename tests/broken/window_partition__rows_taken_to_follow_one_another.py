"""Windows are views made with the strides of a contiguous image, whatever the image's own are."""


def window_partition(x, window):
    B, Hh, Ww, C = x.shape
    room = (
        1 + sum((n - 1) * s for n, s in zip(x.shape, x.stride(), strict=True)) if x.numel() else 0
    )
    if x.numel() and room >= x.numel():
        x = x.as_strided((B, Hh, Ww, C), (Hh * Ww * C, Ww * C, C, 1))
    x = x.reshape(B, Hh // window, window, Ww // window, window, C)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window, window, C)
