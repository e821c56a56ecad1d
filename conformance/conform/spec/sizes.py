"""Laws that many operators share, each asked at sizes that the operator gives.

`sizes.yaml` holds them; an operator names one and gives dims. `op` stands for its name, `wrt` for
what gradients are asked of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from conform.nearest import nearest
from conform.spec.loader import Document, SpecError, locate
from conform.spec.models import (
    AnySpec,
    ContinuationSpec,
    OperatorSpec,
    PropertySpec,
    SizesSpec,
    TemplateSpec,
)

GIVEN = "operators that give sizes"
PLACES = frozenset({"op", "wrt"})


def shared_laws(documents: Iterable[tuple[Document, AnySpec]]) -> dict[str, PropertySpec]:
    """The laws that operators ask by name."""
    return {
        item.id.rsplit(".", 1)[-1]: item
        for _, spec in documents
        if isinstance(spec, TemplateSpec)
        for item in spec.templates
        if item.for_ == GIVEN
    }


def at_sizes(
    document: Document,
    part: OperatorSpec | ContinuationSpec,
    operator: OperatorSpec,
    laws: Mapping[str, PropertySpec],
) -> list[PropertySpec]:
    """The operator's own laws from the `sizes` of one of its files.

    SpecError for a name that is none of the shared laws, or a gradient of what has none.
    """
    found = []
    for name, given in part.sizes.items():
        if name not in laws:
            raise SpecError(
                "unknown-law",
                f"no law {name!r} is asked at given sizes{nearest(name, laws)}",
                where=locate(document, ("sizes", name), key=True),
                hint=f"expected one of {', '.join(sorted(laws))}",
            )
        for index, slot in enumerate(given.wrt):
            if slot not in operator.gradient:
                raise SpecError(
                    "unknown-input",
                    f"{operator.operator} has no gradient in {slot!r}"
                    f"{nearest(slot, operator.gradient)}",
                    where=locate(document, ("sizes", name, "wrt", index)),
                )
        found.append(_asked(operator, name, laws[name], given))
    return found


def _asked(operator: OperatorSpec, name: str, law: PropertySpec, given: SizesSpec) -> PropertySpec:
    text = re.sub(r"\bop\(", f"{operator.operator}(", law.law)
    text = re.sub(r"\bwrt\b", ", ".join(given.wrt or operator.gradient), text)
    changes: dict[str, Any] = {"id": f"{operator.operator}.{name}", "law": text, "for_": None}
    for key in given.model_fields_set - {"wrt"}:
        changes[key] = getattr(given, key)
    return law.model_copy(update=changes)
