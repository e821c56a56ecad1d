"""A dimension that reaches the share exactly does not count."""


def intrinsic_dimension(dimensions, performance, full, *, fraction=0.9):
    if not 0 < fraction <= 1:
        raise ValueError("fraction")
    ok = performance > fraction * full
    return dimensions[ok].min() if bool(ok.any()) else dimensions.new_zeros(())
