"""Which arguments of a call have a gradient that is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from conform.spec.models import OperatorSpec
from conform.target.claims import OperatorClaim


def gradient_slots(
    spec: OperatorSpec, claim: OperatorClaim, named: Mapping[int | str, Any]
) -> tuple[int | str, ...]:
    """Positions of inputs and names of options that the spec differentiates and the target claims.

    `named` holds the call's arguments by position or option name; only float tensors count.
    """
    places: dict[str, int | str] = {name: list(spec.inputs).index(name) for name in spec.gradient}
    places |= {name: name for name, option in spec.options.items() if option.gradient}
    return tuple(
        place
        for name, place in places.items()
        if claim.differentiates(name)
        and isinstance(value := named.get(place), torch.Tensor)
        and value.is_floating_point()
    )
