"""One layer norm is counted where the block has two."""

MISTAKE = "block_parameter_count.one-norm"


def block_parameter_count(*, width, feed_forward=None):
    hidden = 4 * width if feed_forward is None else feed_forward
    if min(width, hidden) < 1:
        raise ValueError("sizes are positive")
    return 4 * width * (width + 1) + 2 * width * hidden + hidden + width + 2 * width
