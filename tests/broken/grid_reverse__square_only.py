"""The number of groups along each side is the root of their number: right for square images."""


def grid_reverse(groups, grid, Hh, Ww):
    side = Hh // grid
    batch = groups.shape[0] * grid * grid // (Hh * Ww)
    other = groups.shape[0] // batch // side
    x = groups.view(batch, other, side, grid, grid, groups.shape[-1])
    return x.permute(0, 3, 1, 4, 2, 5).reshape(batch, Hh, Ww, groups.shape[-1])
