"""Grid groups are put back as if they were contiguous windows."""


def grid_reverse(groups, grid, Hh, Ww):
    x = groups.view(-1, Hh // grid, Ww // grid, grid, grid, groups.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, Hh, Ww, groups.shape[-1])
