"""Limits, nearest names, printed errors and scaffolds. Nothing here starts a worker."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
from target_samples import NAMES, OPERATORS

from conform.errors import ConformError
from conform.nearest import nearest
from conform.target.discovery import discover
from conform.target.limits import Limit, within
from conform.target.scaffold import write_adapter


@pytest.mark.parametrize(
    ("limits", "sizes", "reason"),
    [
        ({"D": Limit(values=(64, 128))}, {"D": 32}, "D=32 is not one of [64, 128]"),
        ({"D": Limit(values=(64, 128))}, {"D": 64}, None),
        ({"L": Limit(maximum=8)}, {"Lq": 8, "Lk": 9}, "Lk=9 is above max=8"),
        ({"Lq": Limit(minimum=2)}, {"Lq": 1}, "Lq=1 is below min=2"),
        ({"L": Limit(multiple_of=16)}, {"L": 33}, "L=33 is not a multiple of 16"),
        ({"window": Limit(maximum=4)}, {"window": None}, None),
        ({"causal": Limit(values=(True,))}, {"causal": False}, "causal=False is not one of [True]"),
        ({"causal": Limit(values=(True,))}, {"causal": 1}, "causal=1 is not one of [True]"),
        ({"E": Limit(maximum=1)}, {"D": 3}, None),
    ],
)
def test_limits(limits: dict[str, Limit], sizes: dict[str, object], reason: str | None) -> None:
    assert within(limits, sizes) == reason


def test_nearest() -> None:
    assert nearest("Atention", ["attention", "rope"]) == ", did you mean 'attention'?"
    assert nearest("zzz", ["attention", "rope"]) == ""


def test_errors_print_and_travel() -> None:
    error = ConformError(
        "a-slug", "x=3; expected 4", hint="write 4", where="file.py:3", exit_code=3
    )
    assert str(error) == "file.py:3: x=3; expected 4 [a-slug]\nhint: write 4"
    again = ConformError.from_json(json.loads(json.dumps(error.to_json())))
    assert (str(again), again.exit_code) == (str(error), 3)


def test_a_scaffold_loads_and_claims_everything() -> None:
    text = write_adapter("my_kernel", OPERATORS)
    module = ModuleType("my_kernel")
    exec(compile(text, "my_kernel.py", "exec"), module.__dict__)
    claims = discover(module, "my_kernel", OPERATORS).claims
    assert set(claims) == set(NAMES)
    assert claims["attention"].options == {"causal", "window", "scale"}
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize("name", ["my-kernel", "class", ""])
def test_a_scaffold_needs_a_module_name(name: str) -> None:
    with pytest.raises(ConformError, match="cannot be a Python module's name"):
        write_adapter(name, OPERATORS)
