"""Wrong encoder-decoders: masks and memory in the wrong place."""

import torch
from torch import Tensor

from conform_reference import model as right
from conform_reference._check import compute_dtype
from conform_reference._masks import causal_mask
from conform_reference._model_stacks import heads_attention, hidden_layer, normed

Pair = tuple[Tensor, Tensor]


def _add(x: Tensor, branch: Tensor) -> Tensor:
    return normed(x + branch, x.new_ones(x.shape[-1]), x.new_zeros(x.shape[-1]))


def _cross(y: Tensor, memory: Tensor, weights: Tensor, heads: int, kind: str) -> Tensor:
    full = torch.ones(1, 1, dtype=torch.bool)
    if kind == "reads_decoder":
        memory = y
    if kind == "queries_from_encoder" and y.shape == memory.shape:
        y, memory = memory, y
    if kind == "causal":
        full = torch.ones(y.shape[1], memory.shape[1], dtype=torch.bool).tril()
    return heads_attention(y, memory, weights, heads, full)


def _run(
    source: Tensor, target: Tensor, attn: Tensor, W1: Tensor, W2: Tensor, d_attn: Tensor,
    d_W1: Tensor, d_W2: Tensor, heads: int, kind: str,
) -> Pair:  # fmt: skip
    dtype = compute_dtype(source, attn)
    x, y, attn, W1, W2, d_attn, d_W1, d_W2 = (
        t.to(dtype) for t in (source, target, attn, W1, W2, d_attn, d_W1, d_W2)
    )
    full = torch.ones(1, 1, dtype=torch.bool)
    past, before = causal_mask(y.shape[1], y.shape[1]), causal_mask(x.shape[1], x.shape[1])
    states = [x]
    for n in range(len(attn)):
        mask = before if kind == "encoder_causal" else full
        x = _add(x, heads_attention(x, x, attn[n], heads, mask))
        x = _add(x, hidden_layer(x, W1[n], W2[n], "relu"))
        states.append(x)
    memory = {"first_layer": states[1], "source": states[0]}.get(kind, x)
    for n in range(len(d_attn)):
        if kind == "cross_first":
            y = _add(y, _cross(y, memory, d_attn[n, 4:], heads, kind))
        if kind == "prefix":
            seen = torch.cat([past.new_ones(y.shape[1], x.shape[1]), past], 1)
            y = _add(y, heads_attention(y, torch.cat([x, y], 1), d_attn[n, :4], heads, seen))
        else:
            mask = full if kind == "full" else past
            y = _add(y, heads_attention(y, y, d_attn[n, :4], heads, mask))
        if kind != "cross_first" and not (kind == "cross_once" and n > 0):
            y = _add(y, _cross(y, memory, d_attn[n, 4:], heads, kind))
        y = _add(y, hidden_layer(y, d_W1[n], d_W2[n], "relu"))
    return x.to(source.dtype), y.to(source.dtype)


def cross_causal(*tensors: Tensor, heads: int) -> Pair:
    """A causal mask lies on cross-attention."""
    return _run(*tensors, heads, "causal")


def decoder_full(*tensors: Tensor, heads: int) -> Pair:
    """The decoder's self-attention has no mask."""
    return _run(*tensors, heads, "full")


def encoder_causal(*tensors: Tensor, heads: int) -> Pair:
    """The encoder is causal."""
    return _run(*tensors, heads, "encoder_causal")


def cross_reads_decoder(*tensors: Tensor, heads: int) -> Pair:
    """Cross-attention is a second self-attention."""
    return _run(*tensors, heads, "reads_decoder")


def queries_from_encoder(*tensors: Tensor, heads: int) -> Pair:
    """Queries come from the encoder, keys and values from the decoder, where the shapes allow."""
    return _run(*tensors, heads, "queries_from_encoder")


def memory_of_first_layer(*tensors: Tensor, heads: int) -> Pair:
    """The decoder reads the first encoder layer."""
    return _run(*tensors, heads, "first_layer")


def cross_first(*tensors: Tensor, heads: int) -> Pair:
    """Cross-attention stands before self-attention."""
    return _run(*tensors, heads, "cross_first")


def source_as_memory(*tensors: Tensor, heads: int) -> Pair:
    """The decoder reads the embeddings of the source."""
    return _run(*tensors, heads, "source")


def memory_in_self_attention(*tensors: Tensor, heads: int) -> Pair:
    """The decoder's self-attention sees the memory besides the target."""
    return _run(*tensors, heads, "prefix")


def cross_once(*tensors: Tensor, heads: int) -> Pair:
    """Cross-attention is left out after the first layer."""
    return _run(*tensors, heads, "cross_once")


def joined(source: Tensor, target: Tensor, *weights: Tensor, heads: int) -> Pair:
    """The encoder reads source and target as one sequence."""
    both = torch.cat([source, target], 1)
    memory, out = right.encoder_decoder(both, target, *weights, heads=heads)
    return memory[:, : source.shape[1]], out
