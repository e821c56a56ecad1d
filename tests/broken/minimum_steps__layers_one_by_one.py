"""Each layer waits until the one below has read the whole prefix."""

MISTAKE = "minimum_steps.not-a-wavefront"


def minimum_steps(*, position, layer, kind):
    if min(position, layer) < 1:
        raise ValueError(f"position={position}, layer={layer}: expected at least 1")
    return position * layer if kind == "rnn" else layer
