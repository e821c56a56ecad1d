"""The text of a starter target file, for `conform init NAME`."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

from conform.errors import ConformError
from conform.target.claims import OperatorSignature

_HEAD = '''"""{name}: an adapter that conform checks. Try it with: conform smoke {name}.py

A function's name says which operator it is. Options that it does not take are not claimed: delete
those that your code lacks.
"""

CONFORM = {{
    "name": "{name}",
    "device": "cpu",  # or "cuda"
    "dtypes": ["float32", "bfloat16"],
    # "promises": ["traffic"],  # hold its memory traffic to the laws of traffic, too
}}
'''

_FUNCTION = """

def {signature}:
    raise NotImplementedError("call your {name} here")
"""


def write_adapter(name: str, operators: Sequence[OperatorSignature]) -> str:
    """A target module with one function for each operator, in the contract's signature.

    Raises ConformError (`bad-target-name`) when `name` cannot be a module's name, and
    (`no-operator`) without operators.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConformError(
            "bad-target-name",
            f"name={name!r} cannot be a Python module's name",
            hint="use letters, digits and underscores, for example my_kernel",
        )
    if not operators:
        raise ConformError("no-operator", "a target needs at least one operator")
    return _HEAD.format(name=name) + "".join(
        _FUNCTION.format(signature=_annotated(operator), name=operator.name)
        for operator in operators
    )


def _annotated(operator: OperatorSignature) -> str:
    line = str(operator)
    if len(line) + len("def :") <= 100:
        return line
    opened, _, rest = line.partition("(")
    return f"{opened}(\n    {rest[:-1]}\n)"
