"""The checker's side of a target: describe it, call it, and survive whatever it does."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from conform.errors import ConformError
from conform.target.claims import OperatorSignature, TargetDescription
from conform.target.ref import TargetKind, TargetRef
from conform.work.codec import decode_reply, encode_request
from conform.work.layout import from_target_layout, to_target_layout
from conform.work.protocol import CallReply, CallRequest, ExceptionInfo, ReplyOutcome
from conform.work.session import ConnectionEnded, DeadlinePassed, Session
from conform.work.wire import Message
from conform.work.zygote import Zygote

DEFAULT_TIMEOUT = 30.0
WARM_UP = 3
DEFAULT_LOAD_TIMEOUT = 120.0
DEFAULT_MEMORY_LIMIT = 8 << 30


def _users_lines(log: str) -> str:
    """What was printed, without the checker's and the import system's own stack frames."""
    own = ("/conform/work/", "/conform/target/", "<frozen ", "importlib/")
    kept = [
        line
        for line in log.splitlines()
        if not ('File "' in line and any(part in line for part in own))
    ]
    return "\n".join(kept)


class WorkerClient:
    """A target in a process of its own.

    `operators` are the contracts that the target may offer. `device` overrides the declared one.
    `timeout` is per call, in seconds of a `WorkClock`; an operator's first answer, for which it may
    have to compile, may take WARM_UP times as long. Loading has `load_timeout` of its own.
    `memory_limit` is what the process may grow by after loading, in bytes (CPU targets; None: no
    limit). With a `zygote`, several clients share one preloaded process; without, the client starts
    its own. After a crash or a timeout the next call starts a new worker (`restarts` counts). Not
    for several threads at once.
    """

    def __init__(
        self,
        target: TargetRef,
        *,
        operators: Sequence[OperatorSignature],
        device: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        load_timeout: float = DEFAULT_LOAD_TIMEOUT,
        memory_limit: int | None = DEFAULT_MEMORY_LIMIT,
        threads: int = 1,
        zygote: Zygote | None = None,
    ) -> None:
        self.target = target
        self.timeout = timeout
        self.restarts = 0
        self.load_seconds = 0.0
        self._load_timeout = load_timeout
        self._load_message: Message = {
            "op": "load",
            "target": target.to_json(),
            "operators": [operator.to_json() for operator in operators],
            "device": device,
            "threads": threads,
            "memory_limit": memory_limit,
        }
        self._threads = threads
        self._zygote = zygote
        self._owned_zygote: Zygote | None = None
        self._session: Session | None = None
        self._description: TargetDescription | None = None
        self._answered: set[str] = set()  # operators that were called before

    def describe(self) -> TargetDescription:
        """Load the target if need be and say what it claims.

        Raises ConformError when it cannot be loaded: missing, failing to import, wrong declaration,
        no operator, a device that is not there, a crash or a hang while importing.
        """
        if self._description is None:
            self._start()
        if self._description is None:
            raise RuntimeError("a started session has no description")
        return self._description

    def call(self, request: CallRequest, timeout: float | None = None) -> CallReply:
        """Call one operator. Whatever the target does is a reply, never an exception.

        Raises ConformError (`unclaimed-operator`) for an operator or option that is not claimed,
        and as `describe` when a restarted target cannot be loaded again.
        """
        description = self.describe()
        claim = description.operators.get(request.operator)
        if claim is None:
            raise ConformError(
                "unclaimed-operator", f"{description.name} does not claim '{request.operator}'"
            )
        unclaimed = sorted(set(request.options) - claim.options)
        if unclaimed:
            raise ConformError(
                "unclaimed-option",
                f"{description.name} does not claim {request.operator}'s option '{unclaimed[0]}'",
            )
        if self._session is None:
            self.restarts += 1
        session = self._session or self._start()
        handed = to_target_layout(request, claim.layout)
        limit = self.timeout if timeout is None else timeout
        if request.operator not in self._answered:
            limit *= WARM_UP
        reply = self._exchange(session, handed, limit)
        self._answered.add(request.operator)
        return from_target_layout(request, reply, claim.layout)

    def renew(self) -> None:
        """A new worker, that was asked nothing yet."""
        if self._session is not None:
            self._session.close()
            self._session = None
            self._answered.clear()
            self._start()

    def _exchange(self, session: Session, request: CallRequest, timeout: float) -> CallReply:
        try:
            answer = session.exchange(encode_request(request, session.requests), timeout)
            return decode_reply(answer, session.replies, session.log_tail(), session.printed)
        except DeadlinePassed:
            session.where_it_hangs()
            return self._lost(session, ReplyOutcome.TIMED_OUT, f"no answer within {timeout:g} s")
        except ConnectionEnded:
            return self._lost(session, ReplyOutcome.CRASHED, f"the process was {session.ending()}")
        except (ValueError, KeyError, TypeError) as error:
            note = f"the worker's answer cannot be read: {error}"
            return self._lost(session, ReplyOutcome.MALFORMED, note)

    def _lost(self, session: Session, outcome: ReplyOutcome, note: str) -> CallReply:
        """The reply of a worker that is no more; the next call starts another."""
        self._session = None
        exception = ExceptionInfo(outcome.value, note, session.user_stack())
        reply = CallReply(
            outcome,
            result_note=note,
            exception=exception,
            log_tail=session.log_tail(),
            printed_bytes=session.printed,
        )
        session.close()
        return reply

    def _start(self) -> Session:
        session = Session(self._shared_zygote())
        try:
            self._load(session)
        except BaseException:
            session.close()
            raise
        self._session = session
        return session

    def _load(self, session: Session) -> None:
        where = self.target.text
        message = self._load_message
        if self.target.kind is TargetKind.EXEC:
            message = {**message, "scratch": session.scratch()}
        try:
            answer = session.exchange(message, self._load_timeout)
        except DeadlinePassed:
            session.where_it_hangs()
            raise ConformError(
                "target-import-timeout",
                f"importing it took more than {self._load_timeout:g} s\n{session.user_stack()}",
                hint="move slow work out of the module's top level",
                where=where,
            ) from None
        except ConnectionEnded:
            ending = session.ending()
            raise ConformError(
                "target-import-crash",
                f"the process was {ending} while importing it\n{session.user_stack()}"
                f"{_users_lines(session.log_tail())}".rstrip(),
                hint=f"try it alone: python -c 'import {self.target.name}'",
                where=where,
            ) from None
        if "error" in answer:
            raise ConformError.from_json(answer["error"])
        self._description = TargetDescription.from_json(answer["description"])
        self.load_seconds = answer["seconds"]

    def _shared_zygote(self) -> Zygote:
        if self._zygote is not None:
            return self._zygote
        if self._owned_zygote is None:
            self._owned_zygote = Zygote(threads=self._threads)
        return self._owned_zygote

    def close(self) -> None:
        """End the worker, and the preloaded process if this client started it."""
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._owned_zygote is not None:
            self._owned_zygote.close()
            self._owned_zygote = None

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
