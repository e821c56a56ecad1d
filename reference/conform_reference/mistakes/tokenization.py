"""Wrong tokenizers, as people have written them."""

import unicodedata
from itertools import pairwise

import torch
from torch import Tensor

from conform_reference import tokenization as right
from conform_reference._vocabularies import Vocabulary, pieces, vocabulary_of

Bounds = Tensor | None


def _pieces(symbols: Tensor, boundaries: Bounds) -> list[list[int]]:
    bounds = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    return [symbols[a:b].tolist() for a, b in pairwise(bounds)]


def _table(merges: Tensor, alphabet: int) -> dict[tuple[int, int], int]:
    table: dict[tuple[int, int], int] = {}
    for rank, (a, b) in enumerate(merges.tolist()):
        table.setdefault((a, b), alphabet + rank)
    return table


def _ids(rows: list[list[int]]) -> Tensor:
    return torch.tensor([i for row in rows for i in row], dtype=torch.int64)


def bpe_left_to_right(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Bounds = None
) -> Tensor:
    """Any known pair is joined as soon as it is met."""
    table, rows = _table(merges, alphabet), []
    for row in _pieces(symbols, boundaries):
        i = 0
        while i + 1 < len(row):
            if (row[i], row[i + 1]) in table:
                row[i : i + 2] = [table[row[i], row[i + 1]]]
                i = 0
            else:
                i += 1
        rows.append(row)
    return _ids(rows)


def bpe_longest_match(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Bounds = None
) -> Tensor:
    """The longest known token from the left."""
    spelled: dict[tuple[int, ...], int] = {(i,): i for i in range(alphabet)}
    words: list[tuple[int, ...]] = [(i,) for i in range(alphabet)]
    for a, b in merges.tolist():
        words.append(words[a] + words[b])
        spelled.setdefault(words[-1], len(words) - 1)
    rows = []
    for row in _pieces(symbols, boundaries):
        found, at = [], 0
        while at < len(row):
            end = max(e for e in range(at + 1, len(row) + 1) if tuple(row[at:e]) in spelled)
            found.append(spelled[tuple(row[at:end])])
            at = end
        rows.append(found)
    return _ids(rows)


def _in_order(row: list[int], pairs: list[tuple[int, int, int]], backwards: bool) -> list[int]:
    for a, b, new in pairs:
        found, i = [], 0
        row = row[::-1] if backwards else row
        first, second = (b, a) if backwards else (a, b)
        while i < len(row):
            if row[i] == first and row[i + 1 : i + 2] == [second]:
                found.append(new)
                i += 2
            else:
                found.append(row[i])
                i += 1
        row = found[::-1] if backwards else found
    return row


def _numbered(merges: Tensor, alphabet: int) -> list[tuple[int, int, int]]:
    return [(a, b, new) for (a, b), new in _table(merges, alphabet).items()]


def bpe_single_round(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Bounds = None
) -> Tensor:
    """Only the best pair is joined, once over the row."""
    table, rows = _table(merges, alphabet), []
    for row in _pieces(symbols, boundaries):
        known = [table[p] for p in pairwise(row) if p in table]
        best = [p for p in _numbered(merges, alphabet) if known and p[2] == min(known)]
        rows.append(_in_order(row, best, False))
    return _ids(rows)


def bpe_last_first(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Bounds = None
) -> Tensor:
    """The last merge has the highest priority."""
    pairs = _numbered(merges, alphabet)[::-1]
    return _ids([_in_order(row, pairs, False) for row in _pieces(symbols, boundaries)])


def bpe_from_right(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Bounds = None
) -> Tensor:
    """In a run of equal symbols the last two are joined first."""
    pairs = _numbered(merges, alphabet)
    return _ids([_in_order(row, pairs, True) for row in _pieces(symbols, boundaries)])


def bpe_unchecked(
    symbols: Tensor, merges: Tensor, *, alphabet: int, boundaries: Bounds = None
) -> Tensor:
    """Whatever comes in goes through."""
    pairs = _numbered(merges, alphabet)
    return _ids([_in_order(row, pairs, False) for row in _pieces(symbols, boundaries)])


def _spelled(merges: Tensor, alphabet: int, kind: str) -> list[list[int]]:
    words = [[i] for i in range(alphabet)]
    for a, b in merges.tolist():
        if kind == "flat":
            words.append([a, b])
        elif kind == "first":
            words.append(words[a])
        else:
            words.append(words[b] + words[a])
    return words


def _decoded(ids: Tensor, merges: Tensor, alphabet: int, kind: str) -> Tensor:
    words = _spelled(merges, alphabet, kind)
    return _ids([words[i] for i in ids.tolist()])


def decode_swapped(ids: Tensor, merges: Tensor, *, alphabet: int) -> Tensor:
    """The second part comes first."""
    return _decoded(ids, merges, alphabet, "swapped")


def decode_one_level(ids: Tensor, merges: Tensor, *, alphabet: int) -> Tensor:
    """Parts are not spelled out."""
    return _decoded(ids, merges, alphabet, "flat")


def decode_first_part(ids: Tensor, merges: Tensor, *, alphabet: int) -> Tensor:
    """The second part is lost."""
    return _decoded(ids, merges, alphabet, "first")


def _text(data: Tensor) -> str:
    return bytes(data.tolist()).decode("utf-8")


def _bytes(text: str) -> Tensor:
    return torch.tensor(list(text.encode("utf-8")), dtype=torch.int64)


def tokenizer_longest_match(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """The longest known token from the left of every pre-token."""
    known, rows = vocabulary_of(vocabulary).ids, []
    for piece in pieces(_text(data), vocabulary):
        at = 0
        while at < len(piece):
            end = max(e for e in range(at + 1, len(piece) + 1) if piece[at:e] in known)
            rows.append([known[piece[at:end]]])
            at = end
    return _ids(rows)


def tokenizer_without_pieces(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """The whole text is one pre-token."""
    return _ids([vocabulary_of(vocabulary).encode(_text(data).encode("utf-8"))])


def tokenizer_blanks_apart(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """Words and single blanks are encoded apart."""
    words, rows = vocabulary_of(vocabulary), []
    for n, word in enumerate(_text(data).split(" ")):
        rows.append(words.encode(b" ") if n else [])
        rows += [words.encode(piece) for piece in pieces(word, vocabulary)]
    return _ids(rows)


def tokenizer_composed(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """unicodedata.normalize first."""
    composed = unicodedata.normalize("NFC", _text(data))
    return right.tokenizer_encode(_bytes(composed), vocabulary=vocabulary)


def tokenizer_lower_case(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """str.lower first."""
    return right.tokenizer_encode(_bytes(_text(data).lower()), vocabulary=vocabulary)


def tokenizer_old_pattern(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """GPT-2's pre-tokens for every vocabulary."""
    words = vocabulary_of(vocabulary)
    return _ids([words.encode(piece) for piece in pieces(_text(data), "gpt2")])


def tokenizer_stripped(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """str.strip first."""
    return right.tokenizer_encode(_bytes(_text(data).strip()), vocabulary=vocabulary)


def tokenizer_last_merge_lost(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """The vocabulary ends one merge early."""
    words = vocabulary_of(vocabulary)
    last = max(words.words)
    known = {word: i for word, i in words.ids.items() if i != last}
    fewer = Vocabulary(known, words.words)
    return _ids([fewer.encode(piece) for piece in pieces(_text(data), vocabulary)])


def tokenizer_replaces(data: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """errors="replace"."""
    text = bytes(data.tolist()).decode("utf-8", errors="replace")
    return right.tokenizer_encode(_bytes(text), vocabulary=vocabulary)


def decode_replaces(ids: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """A text in between."""
    data = bytes(right.tokenizer_decode(ids, vocabulary=vocabulary).tolist())
    return _bytes(data.decode("utf-8", errors="replace"))


def decode_with_blanks(ids: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """b" ".join."""
    words = vocabulary_of(vocabulary)
    return torch.tensor(list(b" ".join(words.spelling(i) for i in ids.tolist())))


def decode_cleaned(ids: Tensor, *, vocabulary: str = "gpt2") -> Tensor:
    """A blank before punctuation is removed."""
    data = bytes(right.tokenizer_decode(ids, vocabulary=vocabulary).tolist())
    for mark in (b".", b",", b"!", b"?", b"'"):
        data = data.replace(b" " + mark, mark)
    return torch.tensor(list(data), dtype=torch.int64)
