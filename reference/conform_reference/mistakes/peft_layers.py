"""Layers, layouts and name sets of parameter-efficient tuning that went wrong."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from conform_reference.mistakes.peft import (
    llama_gate_plain,
    llama_gate_sigmoid,
    llama_joint_softmax,
)
from conform_reference.peft import (
    llama_adapter_attention,
    llama_adapter_layer,
    llama_adapter_states,
)

Pairs = Iterable[tuple[str, Tensor]]


def _split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


def _layer(
    attention: Any, x: Tensor, keys: Tensor, values: Tensor, weights: tuple[Tensor, ...],
    gate: Tensor, heads: int, causal: bool,
) -> Tensor:  # fmt: skip
    Wq, Wk, Wv, Wo, bo = weights
    parts = (_split(y, heads) for y in (x @ Wq, x @ Wk, x @ Wv, keys, values))
    return attention(*parts, gate, causal=causal).transpose(1, 2).flatten(2) @ Wo + bo


def llama_prompts_unprojected(
    x: Tensor, prompt: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, bo: Tensor,
    gate: Tensor, *, heads: int, causal: bool = True,
) -> Tensor:  # fmt: skip
    """The prompt rows are keys and values as they are."""
    weights = (Wq, Wk, Wv, Wo, bo)
    return _layer(llama_adapter_attention, x, prompt, prompt, weights, gate, heads, causal)


def llama_layer_gate_plain(
    x: Tensor, prompt: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, bo: Tensor,
    gate: Tensor, *, heads: int, causal: bool = True,
) -> Tensor:  # fmt: skip
    """gate instead of tanh(gate)."""
    weights = (Wq, Wk, Wv, Wo, bo)
    return _layer(llama_gate_plain, x, prompt @ Wk, prompt @ Wv, weights, gate, heads, causal)


def llama_layer_gate_sigmoid(
    x: Tensor, prompt: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, bo: Tensor,
    gate: Tensor, *, heads: int, causal: bool = True,
) -> Tensor:  # fmt: skip
    """sigmoid(gate) instead of tanh(gate)."""
    weights = (Wq, Wk, Wv, Wo, bo)
    return _layer(llama_gate_sigmoid, x, prompt @ Wk, prompt @ Wv, weights, gate, heads, causal)


def llama_layer_joint(
    x: Tensor, prompt: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, bo: Tensor,
    gate: Tensor, *, heads: int, causal: bool = True,
) -> Tensor:  # fmt: skip
    """One softmax over prompts and tokens."""
    weights = (Wq, Wk, Wv, Wo, bo)
    return _layer(llama_joint_softmax, x, prompt @ Wk, prompt @ Wv, weights, gate, heads, causal)


def _states(
    x: Tensor, prompts: Tensor, gates: Tensor, weights: tuple[Tensor, ...], heads: int, start: int,
    causal: bool = True,
) -> Tensor:  # fmt: skip
    """Layers start, start + 1, ... are adapted."""
    states = []
    for n in range(weights[0].shape[0]):
        a = n - start
        inside = 0 <= a < prompts.shape[0]
        gate = gates[a] if inside else torch.zeros_like(gates[0])
        own = prompts[a] if inside else prompts[0]
        Wq, Wk, Wv, Wo = (W[n] for W in weights)
        bo = x.new_zeros(x.shape[-1])
        x = x + llama_adapter_layer(x, own, Wq, Wk, Wv, Wo, bo, gate, heads=heads, causal=causal)
        states.append(x)
    return torch.stack(states)


def states_bottom(
    x: Tensor, prompts: Tensor, gates: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor,
    *, heads: int,
) -> Tensor:  # fmt: skip
    """The first A layers."""
    return _states(x, prompts, gates, (Wq, Wk, Wv, Wo), heads, 0)


def states_one_off(
    x: Tensor, prompts: Tensor, gates: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor,
    *, heads: int,
) -> Tensor:  # fmt: skip
    """One layer too early where there is room."""
    if prompts.shape[0] == Wq.shape[0]:
        return llama_adapter_states(x, prompts, gates, Wq, Wk, Wv, Wo, heads=heads)
    start = Wq.shape[0] - prompts.shape[0] - 1
    return _states(x, prompts, gates, (Wq, Wk, Wv, Wo), heads, start)


def states_not_causal(
    x: Tensor, prompts: Tensor, gates: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor,
    *, heads: int,
) -> Tensor:  # fmt: skip
    """No mask over the tokens."""
    start = Wq.shape[0] - prompts.shape[0]
    return _states(x, prompts, gates, (Wq, Wk, Wv, Wo), heads, start, causal=False)


def _flat(seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
    return torch.tanh(seeds @ W1 + b1) @ W2 + b2


def prefix_values_first(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """[P, layers, (value, key), heads, D]."""
    parts = _flat(seeds, W1, b1, W2, b2).reshape(len(seeds), layers, 2, heads, -1)
    parts = parts.permute(2, 1, 3, 0, 4)
    return parts[1], parts[0]


def prefix_kind_first(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """[P, (key, value), layers, heads, D]."""
    parts = _flat(seeds, W1, b1, W2, b2).reshape(len(seeds), 2, layers, heads, -1)
    parts = parts.permute(1, 2, 3, 0, 4)
    return parts[0], parts[1]


def prefix_heads_innermost(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """[P, layers, (key, value), D, heads]."""
    parts = _flat(seeds, W1, b1, W2, b2).reshape(len(seeds), layers, 2, -1, heads)
    parts = parts.permute(2, 1, 4, 0, 3)
    return parts[0], parts[1]


def prefix_relu(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """ReLU in the place of tanh."""
    flat = torch.relu(seeds @ W1 + b1) @ W2 + b2
    parts = flat.reshape(len(seeds), layers, 2, heads, -1).permute(2, 1, 3, 0, 4)
    return parts[0], parts[1]


def prefix_first_layer(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """The first layer's rows, repeated."""
    parts = _flat(seeds, W1, b1, W2, b2).reshape(len(seeds), layers, 2, heads, -1)
    parts = parts[:, :1].expand(-1, layers, -1, -1, -1).permute(2, 1, 3, 0, 4)
    return parts[0], parts[1]


def _with_head(found: set[str], names: list[str], head: str | None) -> set[str]:
    return found | {name for name in names if head and name.startswith(head + ".")}


def bitfit_contains(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """'bias' anywhere in the name."""
    names = [name for name, _ in named_parameters]
    return _with_head({name for name in names if "bias" in name}, names, head)


def bitfit_ends(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """The name ends in 'bias'."""
    names = [name for name, _ in named_parameters]
    return _with_head({name for name in names if name.endswith("bias")}, names, head)


def bitfit_dotted(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """The name ends in '.bias'."""
    names = [name for name, _ in named_parameters]
    return _with_head({name for name in names if name.endswith(".bias")}, names, head)


def bitfit_without_norms(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """Biases of modules called norm are left out."""
    names = [name for name, _ in named_parameters]
    biases = {name for name in names if name.split(".")[-1] == "bias"}
    return _with_head({name for name in biases if "norm" not in name.lower()}, names, head)


def bitfit_headless(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """The head is trained only where it has a bias."""
    return {name for name, _ in named_parameters if name.split(".")[-1] == "bias"}


def bitfit_head_prefix(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """startswith without the dot."""
    names = [name for name, _ in named_parameters]
    biases = {name for name in names if name.split(".")[-1] == "bias"}
    return biases | {name for name in names if head and name.startswith(head)}


def bitfit_all_if_none(named_parameters: Pairs, *, head: str | None = None) -> set[str]:
    """Everything where no bias is found."""
    names = [name for name, _ in named_parameters]
    biases = {name for name in names if name.split(".")[-1] == "bias"}
    return _with_head(biases or set(names), names, head)
