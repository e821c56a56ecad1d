"""The input is cast to float32 for the adapter, and the sum is not cast back."""


def lora_linear(x, W0, A, B, *, alpha):
    base = x @ W0.T
    return base + alpha / A.shape[0] * ((x.float() @ A.float().T) @ B.float().T)
