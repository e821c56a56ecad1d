"""What goes into a stack: token and position vectors, masked tokens, and who may see whom."""

import math

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference.rounding import mark


def input_embedding(
    tokens: Tensor, table: Tensor, positions: Tensor, *, scaled: bool = False
) -> Tensor:
    """table[tokens] + positions[:L]: int[B,L], table[V,E], positions[S,E] -> [B,L,E].

    `scaled` multiplies the token vectors by sqrt(E) first, as the original does. Raises ValueError
    for L > S and shapes that do not fit. Source: Vaswani et al. 2017, sections 3.4 and 3.5.
    """
    _check.rank("tokens", tokens, "B L")
    _check.rank("table", table, "V E")
    _check.rank("positions", positions, "S E")
    L, S = tokens.shape[1], positions.shape[0]
    if L > S:
        raise ValueError(
            f"tokens.shape[1]={L}, positions.shape[0]={S}: expected at most as many tokens as "
            f"positions; shorten the sequence"
        )
    _check.not_empty("V", table.shape[0])
    dtype = _check.compute_dtype(table, positions)
    words = mark("token_rows", table.to(dtype)[tokens]) * (
        math.sqrt(table.shape[1]) if scaled else 1.0
    )
    return (mark("token_vectors", words) + positions[:L].to(dtype)).to(table.dtype)


def mlm_mask(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """BERT's corruption: tokens int[B,L], special bool[B,L] -> (inputs[B,L], labels[B,L]).

    Every token that is not special is selected with probability `rate`. A selected one becomes
    mask_token (80 %), a token drawn evenly from the vocabulary (10 %) or stays (10 %), and is its
    own label; all other labels are -100. The result follows from `seed` alone. Raises ValueError
    for a rate outside [0, 1] or shapes that do not fit. Source: Devlin et al. 2019, section 3.1.
    """
    _check.rank("tokens", tokens, "B L")
    if special.shape != tokens.shape:
        raise ValueError(
            f"special.shape={tuple(special.shape)}: expected {tuple(tokens.shape)}, as tokens"
        )
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate!r}: expected a probability; 0.15 is usual")
    _check.at_least("vocabulary", vocabulary, 1)
    source = torch.Generator().manual_seed(seed)
    draw = torch.rand(2, *tokens.shape, generator=source, dtype=torch.float64)
    other = torch.randint(0, vocabulary, tokens.shape, generator=source)
    selected = (draw[0] < rate) & ~special
    corrupted = torch.where(draw[1] < 0.8, mask_token, torch.where(draw[1] < 0.9, other, tokens))
    return torch.where(selected, corrupted, tokens), torch.where(selected, tokens, -100)


def prefix_lm_mask(L: int, prefix: int) -> Tensor:
    """bool[L,L]: the first `prefix` tokens see each other, the others all tokens up to themselves.

    Raises ValueError for a negative size or prefix > L. Source: Raffel et al. 2020,
    arXiv:1910.10683, section 3.2.1 and figure 3; prefix 0 is a causal mask, prefix L an encoder's.
    """
    _check.at_least("L", L, 0)
    _check.at_least("prefix", prefix, 0)
    if prefix > L:
        raise ValueError(f"prefix={prefix}, L={L}: expected prefix <= L; lower prefix")
    at = torch.arange(L)
    return (at <= at.unsqueeze(1)) | (at < prefix)


def encoder_decoder_mask(S: int, T: int) -> Tensor:
    """bool[S+T,S+T]: what an output may depend on, sources first, then targets.

    Sources depend on all sources and no target, target i on all sources and targets up to i.
    Raises ValueError for a negative size. Source: Vaswani et al. 2017, section 3.2.3.
    """
    _check.at_least("S", S, 0)
    _check.at_least("T", T, 0)
    at = torch.arange(S + T)
    return (at < S) | ((at >= S) & (at <= at.unsqueeze(1)))


def chunked_causal_mask(L: int, chunk: int) -> Tensor:
    """bool[L,L]: token i sees the tokens of its own chunk of `chunk` tokens up to itself.

    Raises ValueError for a negative L or chunk < 1. Source: local attention of Liu et al. 2018,
    arXiv:1801.10198; so Llama 4 has it.
    """
    _check.at_least("L", L, 0)
    _check.at_least("chunk", chunk, 1)
    at = torch.arange(L)
    return (at <= at.unsqueeze(1)) & (at // chunk == at.unsqueeze(1) // chunk)
