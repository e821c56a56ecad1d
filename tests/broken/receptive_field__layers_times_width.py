"""Fields are added without their overlap."""

MISTAKE = "receptive_field.layers-times-width"


def receptive_field(*, width, layers, growth=1):
    if min(width, layers, growth) < 1:
        raise ValueError(f"width={width}, layers={layers}, growth={growth}: expected at least 1")
    return layers * width if growth == 1 else 1 + (width - 1) * growth**layers
