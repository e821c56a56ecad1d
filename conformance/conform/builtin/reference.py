"""The built-in target `reference`: the oracle itself, checked like anyone else's code."""

from __future__ import annotations

import importlib
import inspect

_DOMAINS = ("attention", "position", "norm", "feed_forward", "embedding", "loss")

for _domain in _DOMAINS:
    _module = importlib.import_module(f"conform_reference.{_domain}")
    for _name, _function in inspect.getmembers(_module, inspect.isfunction):
        if not _name.startswith("_") and _function.__module__.startswith("conform_reference."):
            globals()[_name] = _function

CONFORM = {"name": "reference", "dtypes": ["float64", "float32", "bfloat16", "float16"]}
