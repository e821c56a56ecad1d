"""Cases in which a dim is one: a single token, key, class or prompt.

Code has paths for them (decoding, nothing to sort or to normalise), which values are often asked of
by what is drawn, and gradients, which take longer, hardly ever.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import replace

from conform.draw.case import Case, derive_seed
from conform.draw.expressions import Unsatisfied
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError, parse
from conform.run.far import LONG, NORMAL
from conform.run.session import Session, variant_of
from conform.run.usual import answered
from conform.spec.book import Property
from conform.spec.models import OperatorSpec


def lone_cases(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """One case with every dim that may be one, and some with one of them; in one dtype."""
    if dtype != ("float32" if "float32" in session.dtypes else session.dtypes[0]):
        return
    names = _names(session.book.operator(law.operator).spec)
    random.Random(derive_seed(session.seed, law.operator, "lone")).shuffle(names)
    chosen = [names, *([name] for name in names[: session.profile.far_gradients])]
    own = variant_of(law)
    for drawn, ones in zip(session.drawn(law.operator, len(chosen)), chosen, strict=False):
        dims = {**own.dims, **dict.fromkeys(ones, "1")}
        variant = replace(own, dims=dims, regimes=NORMAL, sized=True)
        try:
            case = session.case_of(law, drawn, None, variant)
        except (Unsatisfied, LawError):
            continue
        if ones and answered(session, law, case, dtype):
            yield drawn, case, variant


def _names(spec: OperatorSpec) -> list[str]:
    """The dims of tokens, rows and classes of which there may be one."""
    return [name for name, text in spec.dims.items() if name in LONG and _may_be_one(parse(text))]


def _may_be_one(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value == 1
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    if node.func.id == "choose":
        return any(map(_may_be_one, node.args))
    return node.func.id == "length" or (node.func.id == "int" and _may_be_one(node.args[0]))
