"""An integer number of operations is divided with //, and only whole days are given."""


def petaflop_days(flops):
    if isinstance(flops, bool) or not isinstance(flops, (int, float)) or not flops > 0:
        raise ValueError("operations are positive")
    day = 10**15 * 86400
    return flops // day if isinstance(flops, int) else flops / day
