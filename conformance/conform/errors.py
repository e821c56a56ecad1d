"""The one exception that `conform` raises for a request that cannot be served."""

from __future__ import annotations

from typing import TypedDict


class ErrorRecord(TypedDict):
    """A ConformError as JSON, the form in which it travels between processes."""

    slug: str
    message: str
    hint: str
    where: str | None
    exit_code: int


class ConformError(Exception):
    """A wrong request: what is wrong, where, and how to mend it.

    `slug` is stable and names the section of the documentation; `exit_code` is what `conform` ends
    with (2, the request is wrong, unless the raiser says otherwise).
    """

    def __init__(
        self,
        slug: str,
        message: str,
        *,
        hint: str = "",
        where: str | None = None,
        exit_code: int = 2,
    ) -> None:
        super().__init__(slug, message)
        self.slug = slug
        self.message = message
        self.hint = hint
        self.where = where
        self.exit_code = exit_code

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        lines = [f"{head} [{self.slug}]"]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> ErrorRecord:
        """This error as a JSON-able record."""
        return ErrorRecord(
            slug=self.slug,
            message=self.message,
            hint=self.hint,
            where=self.where,
            exit_code=self.exit_code,
        )

    @classmethod
    def from_json(cls, record: ErrorRecord) -> ConformError:
        """The error that `to_json` wrote."""
        return cls(
            record["slug"],
            record["message"],
            hint=record["hint"],
            where=record["where"],
            exit_code=record["exit_code"],
        )
