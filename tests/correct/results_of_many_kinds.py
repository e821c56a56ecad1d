"""Results as code hands them out: tables, threads, named tuples, numpy numbers, odd memory."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

DTYPES = ["float32", "bfloat16", "float16", "float64"]
BY_TABLE = {"differentiable": False}
CONFORM = {"dtypes": DTYPES, "operators": {"gelu": BY_TABLE, "swish": BY_TABLE}}
TABLES = {}


def _looked_up(x, function):
    """All 65536 results of a half precision, rounded once, in a table."""
    if x.dtype not in (torch.bfloat16, torch.float16):
        return function(x)
    if (x.dtype, function) not in TABLES:
        every = torch.arange(-(2**15), 2**15).to(torch.int16).view(x.dtype)
        TABLES[x.dtype, function] = function(every.double()).to(x.dtype)
    return TABLES[x.dtype, function][x.contiguous().view(torch.int16).int() + 2**15]


def _gelu(x):
    return x * 0.5 * torch.special.erfc(-x / math.sqrt(2))


def gelu(x):
    return _looked_up(x, _gelu)


def swish(x):
    return _looked_up(x, F.silu)


def alibi_bias(heads, Lq, Lk):
    """A view whose elements are marked as negated."""
    n = 2 ** math.floor(math.log2(heads))
    slopes = [2.0 ** (-8 * (i + 1) / n) for i in range(n)]
    slopes += [2.0 ** (-4 * (2 * i + 1) / n) for i in range(heads - n)]
    distance = (torch.arange(Lq)[:, None] + Lk - Lq - torch.arange(Lk)).clamp(min=0)
    bias = distance * torch.tensor(slopes, dtype=torch.float64)[:, None, None]
    return torch.complex(torch.zeros_like(bias), bias).conj().imag


def prompt_tuning(embeddings, prompt):
    """In the midst of a larger buffer."""
    B, L, E = embeddings.shape
    room = embeddings.new_empty(B, len(prompt) + L + 5, E + 3)[:, 2:-3, 1:-2]
    return room.copy_(torch.cat([prompt.expand(B, -1, -1), embeddings], 1))


class Routing(NamedTuple):
    indices: torch.Tensor
    weights: torch.Tensor


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    logits = x.to(wide) @ Wg.to(wide)
    top, indices = logits.topk(top_k, -1)
    weights = torch.exp(top - logits.logsumexp(-1, keepdim=True))
    return Routing(indices.int(), weights.to(x.dtype))


def seq2seq_attention(h, e):
    wide = torch.promote_types(h.dtype, torch.float32)
    w = torch.softmax(e.to(wide), -1)
    return [torch.einsum("bt,btd->bd", w, h.to(wide)).to(h.dtype), w.to(e.dtype)]


def _causal(q, k, v, causal):
    seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril(k.shape[-2] - q.shape[-2])
    return F.scaled_dot_product_attention(q, k, v, seen if causal else None)


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    return _causal(x @ Wq, x @ Wk, x @ Wv, causal)


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    """Each head by a thread of its own, in the tensors' dtype."""
    kv_heads = kv_heads or heads
    q = (x @ Wq).unflatten(-1, (heads, -1))
    k, v = ((memory @ W).unflatten(-1, (kv_heads, -1)) for W in (Wk, Wv))
    tracked = torch.is_grad_enabled()

    def one(head):
        other = head // (heads // kv_heads)
        with torch.set_grad_enabled(tracked):
            return _causal(q[:, :, head], k[:, :, other], v[:, :, other], causal)

    with ThreadPoolExecutor(2) as pool:
        return torch.cat(list(pool.map(one, range(heads))), -1) @ Wo


def trainable_percent(*, trainable, frozen):
    if trainable < 1 or frozen < 0:
        raise ValueError("counts")
    return np.float64(100 * trainable) / (trainable + frozen)


def flash_block_sizes(head_dim, sram_elements):
    if min(head_dim, sram_elements) < 1:
        raise ValueError("sizes")
    columns = np.int64(-(-sram_elements // (4 * head_dim)))
    return [min(columns, head_dim), columns]


def bitfit_parameters(named_parameters, *, head=None):
    below = f"{head}."
    return frozenset(
        name
        for name, _ in named_parameters
        if name.split(".")[-1] == "bias" or (head and f"{name}.".startswith(below))
    )
