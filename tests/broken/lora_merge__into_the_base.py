"""The update is added to the frozen weight itself, which is then returned."""


def lora_merge(W0, A, B, *, alpha):
    merged = W0.detach()
    merged += (alpha / A.shape[0]) * (B.detach() @ A.detach())
    return merged + 0.0 * (B.sum() + A.sum())
