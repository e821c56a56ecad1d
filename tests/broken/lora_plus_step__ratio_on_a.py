"""A takes the larger step."""

MISTAKE = "lora_plus_step.a-is-fast"


def lora_plus_step(A, B, grad_A, grad_B, *, lr, ratio=16.0):
    return A - lr * ratio * grad_A, B - lr * grad_B
