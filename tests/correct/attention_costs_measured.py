"""Costs of attention measured: operations by PyTorch's counter, memory and reach by doing it."""

import torch
from torch.utils.flop_counter import FlopCounterMode

CONFORM = {"dtypes": ["float32"]}


def flops(function, *shapes):
    with FlopCounterMode(display=False) as counter:
        function(*(torch.empty(shape, device="meta") for shape in shapes))
    return counter.get_total_flops()


def attention_flops(length, width, *, heads=1, method="softmax", projections=False):
    if method not in ("softmax", "flash", "grouped", "latent", "linear"):
        raise ValueError("unknown method")
    if length < 1 or width % heads:
        raise ValueError("no such attention")
    each = (heads, length, width // heads)
    if method == "linear":
        total = flops(lambda q, k, v: q @ (k.mT @ v), each, each, each)
    else:
        total = flops(lambda q, k, v: (q @ k.mT) @ v, each, each, each)
    if projections:
        total += 4 * flops(torch.matmul, (length, width), (width, width))
    return total


def attention_flops_share(length, width):
    core = attention_flops(length, width)
    up = flops(torch.matmul, (length, width), (width, 4 * width))
    return core / (attention_flops(length, width, projections=True) + 2 * up)


def attention_matrix_bytes(*, heads, length, bytes_per_element=2):
    if heads < 1 or length < 1:
        raise ValueError("no such attention")
    kinds = {1: torch.int8, 2: torch.float16, 4: torch.float32, 8: torch.float64}
    weights = torch.empty(heads, length, length, dtype=kinds[bytes_per_element], device="meta")
    return weights.numel() * weights.element_size()


def effective_context(layers, window):
    first = 0  # how far back the last token reaches, layer by layer
    for _ in range(layers):
        first += window - 1
    return first + 1
