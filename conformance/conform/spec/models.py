"""Pydantic models of a spec file. Unknown keys are errors; expressions stay text here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from conform.records import Level

Scalar = bool | int | float | str | None
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
PropertyId = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_-]+)+$")]
LawName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
MistakeId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


def _text(value: Any) -> Any:
    # YAML reads `B: 3` as a number; an expression is wanted, and 3 is one.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Expression = Annotated[
    str,
    BeforeValidator(_text, json_schema_input_type=str | int | float),
    Field(min_length=1, max_length=2000),
]

Regime = Literal[
    "normal",
    "large",
    "tiny",
    "ties",
    "one_hot",
    "constant",
    "outlier",
    "sorted",
    "mixed_scale",
    "large_mean",
    "signed_zeros",
    "subnormal",
    "near_limits",
    "late",
    "huge",
]
DtypeName = Literal["float64", "float32", "bfloat16", "float16"]


class Strict(BaseModel):
    """Base of all spec models: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(Strict):
    """One positional argument: a tensor (`shape`), a number (`scalar`) or a callable (`values`).

    `starts_at_zero`: so it is in every fresh model or at the first step, and cases have it so,
    whatever its values and regimes else are.
    """

    shape: tuple[Expression, ...] | None = None
    scalar: Expression | None = None
    values: Expression = "regime"
    regimes: tuple[Regime, ...] | None = None
    optional: bool = False
    dtype: str | None = None
    starts_at_zero: bool = False


class OptionSpec(Strict):
    """One keyword argument: its contract default and how values of it are drawn. `zero` is false
    where libraries read 0 as nothing said, and the contract does not decide."""

    default: Scalar = None
    required: bool = False
    draw: Expression | None = None
    gradient: bool = False
    zero: bool = True
    description: str = ""


class ResultSpec(Strict):
    """Shape and dtype of one result; `kind: number` for plain numbers, `names` for a set of names.

    `decision` names the discrete decisions of the reference that it reports, judged by margin;
    `random`: its values follow from a seed in the target's own way and are judged by laws alone.
    """

    shape: tuple[Expression, ...] | None = None
    dtype: str | tuple[str, ...] = "same"
    kind: Literal["tensor", "number", "names"] = "tensor"
    decision: str = ""
    random: bool = False


class RoundingSpec(Strict):
    """The marks that an implementation may round to the input dtype, by direction."""

    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    note: str = ""


class AccuracySpec(Strict):
    """Rounding models (the first is the default) and an extra absolute bound. `either`: values of
    conventions that need no declaration; what such a one changes is excused, and what lies between.
    """

    rounding: dict[str, RoundingSpec] = Field(default_factory=lambda: {"default": RoundingSpec()})
    excuse: Expression | None = None
    either: dict[Identifier, tuple[str, ...]] = Field(default_factory=dict)
    note: str = ""


class PropertySpec(Strict):
    """One law. `half`: asked in bfloat16 or float16 first, where a profile asks in few dtypes; in
    float32 first when it is false. `layouts`: each to be asked as well in every memory layout that
    the target takes. `interpreted`: also asked of kernels that are interpreted, which take a second
    for a thousand programs. `judged`: each of its calls is held against the oracle besides; false
    where the law itself says how near is near enough."""

    id: PropertyId
    level: Level = Level.MUST
    claims: tuple[str, ...] = ()
    rationale: str = ""
    statement: Annotated[str, Field(min_length=8)]
    note: str = ""
    source: str = ""
    options: dict[Identifier, Scalar] = Field(default_factory=dict)
    dims: dict[Identifier, Expression] = Field(default_factory=dict)
    regimes: tuple[Regime, ...] | None = None
    values: Expression | None = None
    dtypes: tuple[DtypeName, ...] | None = None
    half: bool | None = None
    layouts: Literal["drawn", "each"] = "drawn"
    conventions: dict[str, str] = Field(default_factory=dict)
    draw: dict[Identifier, Expression] = Field(default_factory=dict)
    where: Expression | None = None
    let: dict[Identifier, Expression] = Field(default_factory=dict)
    law: Expression
    holds: Literal["always", "mostly", "sometimes"] = "always"
    reach: dict[str, Expression] = Field(default_factory=dict)
    promise: Literal["traffic"] | None = None
    interpreted: bool = True
    judged: bool = True
    for_: (
        Literal["every operator", "every dim that may be 0", "operators that give sizes"]
        | tuple[Identifier, ...]
        | None
    ) = Field(default=None, alias="for")


class SizesSpec(Strict):
    """Sizes (and what else) at which an operator asks a law that many share, by its name.

    `wrt`: what gradients are asked of; all inputs that have one, unless given.
    """

    dims: dict[Identifier, Expression]
    options: dict[Identifier, Scalar] = Field(default_factory=dict)
    where: Expression | None = None
    dtypes: tuple[DtypeName, ...] | None = None
    half: bool | None = None
    interpreted: bool = True
    wrt: tuple[Identifier, ...] = ()


Sizes = dict[LawName, SizesSpec]


class MistakeSpec(Strict):
    """A well-known mistake: a formula over the oracle, or a Python function of the reference."""

    id: MistakeId
    note: str = ""
    source: str = ""
    formula: Expression | None = None
    python: Annotated[str, Field(pattern=r"^conform_reference\.[a-z_.]+:[a-z0-9_]+$")] | None = None
    draw: dict[Identifier, Expression] = Field(default_factory=dict)


class OperatorSpec(Strict):
    """One spec file. `empty` names the dims that may be 0: no sequences, no tokens; `leading` those
    that stand for a contract's `...`, of which there may be any number."""

    operator: Identifier
    domain: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    summary: str
    source: str = ""
    note: str = ""
    reference: Annotated[str, Field(pattern=r"^conform_reference\.[a-z_.]+:[a-z0-9_]+$")] | None = (
        None
    )
    dims: dict[Identifier, Expression] = Field(default_factory=dict)
    empty: tuple[Identifier, ...] = ()
    leading: tuple[Identifier, ...] = ()
    inputs: dict[Identifier, InputSpec] = Field(default_factory=dict)
    options: dict[Identifier, OptionSpec] = Field(default_factory=dict)
    result: ResultSpec | tuple[ResultSpec, ...]
    gradient: tuple[Identifier, ...] = ()
    batch: bool = True
    accuracy: AccuracySpec = Field(default_factory=AccuracySpec)
    properties: tuple[PropertySpec, ...] = ()
    sizes: Sizes = Field(default_factory=dict)
    mistakes: tuple[MistakeSpec, ...] = ()

    @property
    def results(self) -> tuple[ResultSpec, ...]:
        """The results as a tuple, also when there is one."""
        return self.result if isinstance(self.result, tuple) else (self.result,)

    @property
    def reference_path(self) -> str:
        """`module:function` of the oracle."""
        return self.reference or f"conform_reference.{self.domain}:{self.operator}"


class ContinuationSpec(Strict):
    """A further file of an operator that has too many laws for one: by topic."""

    continues: Identifier
    properties: tuple[PropertySpec, ...] = ()
    sizes: Sizes = Field(default_factory=dict)
    mistakes: tuple[MistakeSpec, ...] = ()


class TemplateSpec(Strict):
    """A file of laws that hold for many operators (hygiene), or that they ask by name (sizes)."""

    templates: tuple[PropertySpec, ...]


AnySpec = OperatorSpec | ContinuationSpec | TemplateSpec
