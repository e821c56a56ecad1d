"""The templates of the pages: strict, and with all text escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """A fresh environment over this package's templates; a name it lacks raises UndefinedError."""
    return Environment(
        loader=PackageLoader("conform_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
