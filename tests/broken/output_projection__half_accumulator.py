"""Products are summed in the input dtype."""

MISTAKE = "output_projection.half-accumulator"


def output_projection(h, W):
    return sum(h[..., n, None] * W[n] for n in range(W.shape[0]))
