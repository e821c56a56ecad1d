"""The net's hidden width is a sixteenth of the image's, whatever reduction says."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def cocoop_parameters(*, context, width, image_width, reduction=16):
    need(context=context, width=width, image_width=image_width, reduction=reduction)
    if image_width % reduction:
        raise ValueError(f"reduction={reduction} image_width={image_width}")
    hidden = image_width // 16 or 1
    return context * width + image_width * hidden + hidden + hidden * width + width
