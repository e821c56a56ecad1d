"""The worker's loop: load one target, then answer calls until the connection ends."""

from __future__ import annotations

import ctypes
import faulthandler
import signal
import socket
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conform.builtin import interpreting
from conform.errors import ConformError
from conform.measure.seam import has_kernels
from conform.target.claims import OperatorSignature
from conform.target.loading import LoadedTarget, load_target
from conform.target.ref import TargetKind, TargetRef
from conform.work.arena import Arena
from conform.work.caller import BoundOperator
from conform.work.codec import decode_request, encode_reply
from conform.work.execute import Executor
from conform.work.frames import describe_exception
from conform.work.limits import limit_memory
from conform.work.protocol import CallReply, ReplyOutcome
from conform.work.wire import ConnectionEnded, Message, receive_message, send_message

_LIBC = ctypes.CDLL(None)


def serve_descriptors(connection: int, requests: int, replies: int) -> None:
    """Serve on inherited descriptors: a socket and two arena files."""
    # A crash writes the Python stack to the captured stderr; a hang does so when the checker asks.
    faulthandler.enable(all_threads=False)
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Worker(socket.socket(fileno=connection), Arena(requests), Arena(replies)).run()


class Worker:
    """One target in one process."""

    def __init__(self, connection: socket.socket, requests: Arena, replies: Arena) -> None:
        self._connection = connection
        self._requests = requests
        self._replies = replies
        self._executor: Executor | None = None

    def run(self) -> None:
        """Answer messages until the other side closes the connection."""
        while True:
            try:
                message = receive_message(self._connection)
                answer = self._answer(message)
                _flush_output()
                send_message(self._connection, answer)
            except ConnectionEnded:
                return

    def _answer(self, message: Message) -> Message:
        if message["op"] == "load":
            return self._load(message)
        return self._call(message)

    def _load(self, message: Message) -> Message:
        torch.set_num_threads(message["threads"])
        if "scratch" in message:
            tempfile.tempdir = message["scratch"]
        operators = [OperatorSignature.from_json(record) for record in message["operators"]]
        ref = TargetRef.from_json(message["target"])
        interpreting.prepare(_file_of(ref), message["device"])
        began = time.perf_counter()
        try:
            target = load_target(ref, operators, message["device"])
        except ConformError as error:
            return {"error": error.to_json()}
        seconds = time.perf_counter() - began
        torch.set_num_threads(message["threads"])
        device = target.description.device
        if message["memory_limit"] is not None and not device.startswith("cuda"):
            limit_memory(message["memory_limit"])
        interpreting.mend()
        self._executor = Executor(_bind(target), device, _unmeasured(ref, device))
        on_cpu = device == "cpu" and has_kernels()
        description = replace(target.description, interprets=on_cpu)
        return {"description": description.to_json(), "seconds": seconds}

    def _call(self, message: Message) -> Message:
        if self._executor is None:
            raise RuntimeError("a call came before a target was loaded")
        reply: CallReply
        interpreting.mend()  # a target may import triton only when it is called
        try:
            reply = self._executor.execute(decode_request(message, self._requests))
            return encode_reply(reply, self._replies)
        except Exception as error:  # noqa: BLE001
            self._executor.end_if_lost()
            # Looking at a result may fail, too: an exotic tensor, or no memory left for a copy.
            reply = CallReply(
                ReplyOutcome.MALFORMED,
                result_note="what it returned cannot be examined",
                exception=describe_exception(error, "examination"),
            )
            return encode_reply(reply, self._replies)


def _file_of(ref: TargetRef) -> Path | None:
    return Path(ref.location) if ref.kind is TargetKind.FILE else None


def _unmeasured(ref: TargetRef, device: str) -> str:
    """Why calls of this target cannot be metered, or an empty string."""
    if ref.kind is TargetKind.EXEC:
        return "the target computes in a process of its own, which nobody can watch"
    if device != "cpu":
        return f"on device={device} kernels run compiled; traffic is metered on the CPU"
    return ""


def _bind(target: LoadedTarget) -> dict[str, BoundOperator]:
    claims = target.description.operators
    return {
        name: BoundOperator(function, claims[name].renames)
        for name, function in target.functions.items()
    }


def _flush_output() -> None:
    """Everything printed so far must be in the pipe before the answer is; C's buffers included."""
    streams: tuple[Any, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        try:
            stream.flush()
        except Exception:  # noqa: BLE001 - a target may have closed or replaced them
            continue
    _LIBC.fflush(None)
