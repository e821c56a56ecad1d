"""Framed JSON messages over a stream socket.

JSON and not pickle: what comes back was written by a process that runs a stranger's code.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any

Message = dict[str, Any]

_LENGTH = struct.Struct("!I")
_LARGEST = 64 * 1024 * 1024


class ConnectionEnded(Exception):
    """The other side is gone."""


class DeadlinePassed(Exception):
    """No complete message arrived in time."""


def send_message(connection: socket.socket, message: Message) -> None:
    """Write one message. Raises ConnectionEnded when nobody reads."""
    body = json.dumps(message, separators=(",", ":")).encode()
    try:
        connection.sendall(_LENGTH.pack(len(body)) + body)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise ConnectionEnded(str(error)) from error


def receive_message(connection: socket.socket) -> Message:
    """Block until one message is there. Raises ConnectionEnded at the end of the stream."""
    reader = MessageReader(connection)
    while True:
        message = reader.poll()
        if message is not None:
            return message


class MessageReader:
    """Collects one message from a socket that is polled from outside."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def poll(self) -> Message | None:
        """Take what is readable (blocks if nothing is); the message once it is complete."""
        wanted = self._wanted()
        try:
            chunk = self._connection.recv(min(wanted, 1 << 20))
        except ConnectionResetError as error:
            raise ConnectionEnded(str(error)) from error
        if not chunk:
            raise ConnectionEnded("end of stream")
        self._buffer += chunk
        if len(self._buffer) < _LENGTH.size or self._wanted():
            return None
        message = json.loads(self._buffer[_LENGTH.size :])
        if not isinstance(message, dict):
            raise ValueError(f"expected a JSON object, found {type(message).__name__}")
        self._buffer.clear()
        return message

    def _wanted(self) -> int:
        """How many bytes are missing from the header or the message."""
        have = len(self._buffer)
        if have < _LENGTH.size:
            return _LENGTH.size - have
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > _LARGEST:
            raise ValueError(f"a message of {length} bytes; at most {_LARGEST} are expected")
        return int(_LENGTH.size + length - have)


def receive_before(connection: socket.socket, deadline: float) -> Message:
    """As receive_message, but raises DeadlinePassed at `deadline` (time.monotonic())."""
    reader = MessageReader(connection)
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([connection], [], [], remaining)[0]:
            raise DeadlinePassed
        message = reader.poll()
        if message is not None:
            return message
