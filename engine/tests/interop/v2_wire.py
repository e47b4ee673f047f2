"""What login v2 and attach v2 are played on: lines, frames, and messages of a WebSocket."""

import contextlib
import socket
import struct

PATIENCE_S = 20
HOST = "127.0.0.1"


class Closed(Exception):
    """The server has closed."""


class Stream:
    """Lines (WIRE N1) and frames (WIRE F1) over TCP."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), PATIENCE_S)
        self.bytes = self.socket.makefile("rb")

    def read_line(self):
        line = self.bytes.readline()
        if not line.endswith(b"\n"):
            raise Closed
        return line[:-1]

    def write_line(self, line):
        self.socket.sendall(line + b"\n")

    def read_frame(self):
        length = int.from_bytes(self._exactly(2), "big")
        return self._exactly(length)

    def write_frame(self, payload):
        self.socket.sendall(len(payload).to_bytes(2, "big") + payload)

    def _exactly(self, count):
        data = self.bytes.read(count)
        if len(data) < count:
            raise Closed
        return data

    def is_closed(self):
        """Whether nothing but the end comes."""
        try:
            return self.bytes.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.bytes.close()
        self.socket.close()


class Web:
    """Lines and payloads as messages of a WebSocket (WIRE W17)."""

    def __init__(self, port, path):
        # Not everybody who speaks v2 wants it.
        from websockets.sync.client import connect

        place = f"ws://{HOST}:{port}{path}"
        opened = connect(place, compression=None, open_timeout=PATIENCE_S)
        self.held = contextlib.ExitStack()
        self.socket = self.held.enter_context(opened)

    def _read(self):
        from websockets.exceptions import ConnectionClosed

        try:
            return self.socket.recv(timeout=PATIENCE_S)
        except ConnectionClosed:
            raise Closed from None

    def read_line(self):
        line = self._read()
        assert isinstance(line, str), "a line is a text message"
        return line.encode()

    def write_line(self, line):
        self.socket.send(line.decode())

    def read_frame(self):
        payload = self._read()
        assert isinstance(payload, bytes), "a payload is a binary message"
        return payload

    def write_frame(self, payload):
        self.socket.send(payload)

    def is_closed(self):
        try:
            self._read()
        except Closed:
            return True
        return False

    def close(self):
        self.held.close()


def ask(wire, ident, content):
    wire.write_frame(content + struct.pack(">I", ident))


def answer(wire):
    """Flag, id and content (WIRE M10)."""
    payload = wire.read_frame()
    flag, ident = struct.unpack(">BI", payload[-5:])
    return flag, ident, payload[:-5]
