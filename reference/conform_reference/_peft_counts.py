"""Which parameters are trained, how many they are, and what a step does to them."""

from collections.abc import Iterable

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference.rounding import mark


def _sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        _check.at_least(name, value, 1)


def prompt_parameter_count(*, length: int, width: int) -> int:
    """length * width: one table at the input, nothing in the layers.

    Raises ValueError for sizes that are no positive integers. Source: arXiv:2104.08691.
    """
    _sizes(length=length, width=width)
    return length * width


def multitask_prompt_parameter_count(*, length: int, width: int, tasks: int = 1) -> int:
    """length * width shared, length + width for each task.

    Raises ValueError for sizes that are no positive integers. Source: arXiv:2303.02861.
    """
    _sizes(length=length, width=width, tasks=tasks)
    return length * width + tasks * (length + width)


def prefix_parameter_count(*, layers: int, length: int, width: int) -> int:
    """2 * layers * length * width: keys and values of every layer.

    Raises ValueError for sizes that are no positive integers. Source: arXiv:2101.00190.
    """
    _sizes(layers=layers, length=length, width=width)
    return 2 * layers * length * width


def adapter_parameter_count(
    *, width: int, bottleneck: int, adapters: int = 1, biases: bool = True
) -> int:
    """adapters * (2 E m + m + E), without m + E if not `biases`; two adapters a layer (Houlsby).

    Raises ValueError for sizes that are no positive integers. Source: arXiv:1902.00751.
    """
    _sizes(width=width, bottleneck=bottleneck, adapters=adapters)
    return adapters * (2 * width * bottleneck + (bottleneck + width if biases else 0))


def adapter_flops(*, tokens: int, width: int, bottleneck: int, adapters: int = 1) -> int:
    """4 E m multiplications and additions for each token and adapter; biases not counted.

    Raises ValueError for sizes that are no positive integers. Source: two products of E m each.
    """
    _sizes(tokens=tokens, width=width, bottleneck=bottleneck, adapters=adapters)
    return 4 * width * bottleneck * tokens * adapters


def llama_adapter_parameter_count(*, layers: int, length: int, width: int, gates: int = 1) -> int:
    """layers * (length * width + gates): prompts and gates of the adapted layers.

    gates: 1 a layer (the peft library) or one for each head (the authors' code).
    Raises ValueError for sizes that are no positive integers. Source: arXiv:2303.16199.
    """
    _sizes(layers=layers, length=length, width=width, gates=gates)
    return layers * (length * width + gates)


def bitfit_parameter_count(*, layers: int, width: int, feed_forward: int | None = None) -> int:
    """Biases of a BERT encoder: layers * (7 E + F) + 2 E (embedding norm and pooler); F = 4 E.

    Raises ValueError for sizes that are no positive integers. Source: arXiv:2106.10199, table 2.
    """
    hidden = 4 * width if feed_forward is None else feed_forward
    _sizes(layers=layers, width=width, feed_forward=hidden)
    return layers * (7 * width + hidden) + 2 * width


def trainable_fraction(*, trainable: int, total: int) -> float:
    """trainable / total. Raises ValueError for counts that are no positive integers."""
    _sizes(trainable=trainable, total=total)
    if trainable > total:
        raise ValueError(
            f"trainable={trainable}, total={total}: expected at most all; exchange the two"
        )
    return trainable / total


def bitfit_parameters(
    named_parameters: Iterable[tuple[str, Tensor]], *, head: str | None = None
) -> set[str]:
    """Names whose last dotted part is `bias`, and all below the module `head` if one is named.

    Source: Ben Zaken et al. 2022, arXiv:2106.10199, section 3.
    """
    names = [name for name, _ in named_parameters]
    biases = {name for name in names if name.split(".")[-1] == "bias"}
    if head is None:
        return biases
    return biases | {name for name in names if name.startswith(f"{head}.")}


def fine_tune_step(
    theta: Tensor, gradient: Tensor, trainable: Tensor, *, learning_rate: float = 0.1
) -> Tensor:
    """theta - learning_rate * gradient where trainable: bool[N], elsewhere theta: [N] -> [N].

    Raises ValueError for shapes that differ. Source: gradient descent; frozen means unchanged.
    """
    if not theta.shape == gradient.shape == trainable.shape:
        raise ValueError(
            f"theta.shape={tuple(theta.shape)}, gradient.shape={tuple(gradient.shape)}, "
            f"trainable.shape={tuple(trainable.shape)}: expected the same shape"
        )
    dtype = _check.compute_dtype(theta, gradient)
    moved = theta.to(dtype) - mark("update", learning_rate * gradient.to(dtype))
    return torch.where(trainable, moved, theta.to(dtype)).to(theta.dtype)
