"""Three operators and a module made of functions, for the tests that read targets."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from conform.target.claims import OperatorSignature
from conform.target.discovery import Discovered, discover

ATTENTION = OperatorSignature(
    "attention",
    ("q", "k", "v"),
    {"causal": False, "window": None, "scale": None},
    sizes=("B", "H", "K", "Lq", "Lk", "D", "Dv"),
)
SOFTMAX = OperatorSignature("softmax", ("x",))
LORA = OperatorSignature(
    "lora_linear", ("x", "W0", "A", "B"), {"alpha": None}, frozenset({"alpha"})
)
OPERATORS = (ATTENTION, SOFTMAX, LORA)
NAMES = tuple(operator.name for operator in OPERATORS)


def module_of(**names: Any) -> ModuleType:
    module = ModuleType("mine")
    for name, value in names.items():
        if callable(value):
            value.__module__ = "mine"
        setattr(module, name, value)
    return module


def found(**names: Any) -> Discovered:
    return discover(module_of(**names), "mine", OPERATORS)
