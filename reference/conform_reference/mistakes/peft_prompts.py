"""Soft prompts and their encoders that went wrong in ways no expression over the oracle says."""

import torch
from torch import Tensor

from conform_reference.peft import prompt_tuning


def prompt_repeated_rows(embeddings: Tensor, prompt: Tensor) -> Tensor:
    """repeat_interleave over the batch, read as [B, P, E]."""
    rows = prompt.repeat_interleave(embeddings.shape[0], 0)
    rows = rows.reshape(embeddings.shape[0], *prompt.shape)
    return torch.cat([rows, embeddings], 1)


def prompt_added(embeddings: Tensor, prompt: Tensor) -> Tensor:
    """Added to the first tokens; the missing length is filled with zeros at the end."""
    length = prompt.shape[0] + embeddings.shape[1]
    padded = [
        torch.nn.functional.pad(x, (0, 0, 0, length - x.shape[-2])) for x in (embeddings, prompt)
    ]
    return padded[0] + padded[1]


def prompt_first_sample(embeddings: Tensor, prompt: Tensor) -> Tensor:
    """Right values; the other samples' rows are detached."""
    others = prompt.detach().expand(max(embeddings.shape[0] - 1, 0), *prompt.shape)
    return torch.cat([torch.cat([prompt.unsqueeze(0), others]), embeddings], 1)


def p_tuning_in_front(tokens: Tensor, table: Tensor, prompt: Tensor) -> Tensor:
    """[prompt; words of the template], cut to the template's length."""
    words = table[tokens.clamp(max=table.shape[0] - 1)]
    return prompt_tuning(words, prompt)[:, : tokens.shape[1]]


def p_tuning_by_order(tokens: Tensor, table: Tensor, prompt: Tensor) -> Tensor:
    """Placeholders take the rows one after the other."""
    place = tokens >= table.shape[0]
    row = (place.cumsum(1) - 1).clamp(min=0) % prompt.shape[0]
    words = table[tokens.clamp(max=table.shape[0] - 1)]
    return torch.where(place.unsqueeze(-1), prompt[row], words)


def _lstm(x: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor, order: str) -> Tensor:
    h = c = x.new_zeros(1, Wh.shape[0])
    states = []
    for step in x.split(1):
        gates = dict(zip(order, (step @ Wx + h @ Wh + b).chunk(4, 1), strict=True))
        c = torch.sigmoid(gates["f"]) * c + torch.sigmoid(gates["i"]) * torch.tanh(gates["g"])
        h = torch.sigmoid(gates["o"]) * torch.tanh(c)
        states.append(h)
    return torch.cat(states)


def lstm_not_flipped_back(
    seeds: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor, Wx_back: Tensor, Wh_back: Tensor,
    b_back: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor,
) -> Tensor:  # fmt: skip
    """The backward states are joined in the order in which they were made."""
    ahead = _lstm(seeds, Wx, Wh, b, "ifgo")
    back = _lstm(seeds.flip(0), Wx_back, Wh_back, b_back, "ifgo")
    return torch.relu(torch.cat([ahead, back], 1) @ W1 + b1) @ W2 + b2


def lstm_gates_reordered(
    seeds: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor, Wx_back: Tensor, Wh_back: Tensor,
    b_back: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor,
) -> Tensor:  # fmt: skip
    """The order of another library: i, f, o, g."""
    ahead = _lstm(seeds, Wx, Wh, b, "ifog")
    back = _lstm(seeds.flip(0), Wx_back, Wh_back, b_back, "ifog").flip(0)
    return torch.relu(torch.cat([ahead, back], 1) @ W1 + b1) @ W2 + b2
