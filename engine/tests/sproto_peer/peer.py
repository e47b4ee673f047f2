"""The Python package pysproto on the other side.

peer.py messages < CASES   encodes, packs, unpacks and decodes; a line for whatever is not the same
peer.py calls PORT C2S S2C calls a server and is called, over four connections at once

The package's own calls are for Python 2; those here are made of its messages and packing. It writes
its errors to standard output, too, so what this script has to say begins with a colon. And it gives
away what it does not own, None, so it is asked once for what does not change, and the script ends
before anybody counts.
"""

import json
import os
import socket
import struct
import sys
import threading

import pysproto


def say(*words):
    sys.stdout.flush()
    print(":", *words, flush=True)


def end(code):
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


# Messages.


def value_of(written):
    (kind, value), = written.items()
    if kind == "i":
        return int(value)
    if kind == "d":
        return struct.unpack(">d", bytes.fromhex(value))[0]
    if kind == "s":
        return bytes.fromhex(value)
    if kind == "o":
        return {name: value_of(field) for name, field in value.items()}
    if kind == "a":
        return [value_of(item) for item in value]
    if kind == "m":
        return {value_of(key): value_of(item) for key, item in value}
    assert kind in "bt", kind
    return value


def exact(value):
    """What compares as the same only if it is: 1, 1.0 and True are not, and neither are zeros."""
    if isinstance(value, dict):
        return sorted((repr(exact(key)), exact(item)) for key, item in value.items())
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, float):
        return "d", struct.pack(">d", value)
    return type(value).__name__, value


def compare(case, schemas):
    bundle = bytes.fromhex(case["bundle"])
    if case["bundle"] not in schemas:
        schemas[case["bundle"]] = pysproto.sproto_create(bundle)
    schema = schemas[case["bundle"]]
    if schema is None:
        return ["load"]
    kind = pysproto.sproto_type(schema, case["type"])
    encoded, packed = bytes.fromhex(case["encoded"]), bytes.fromhex(case["packed"])
    wrong = []
    try:
        if pysproto.sproto_encode(kind, value_of(case["value"])) != encoded:
            wrong.append("encode")
    except pysproto.error:
        wrong.append("encode")
    if pysproto.sproto_pack(encoded) != packed:
        wrong.append("pack")
    padded = encoded + bytes(-len(encoded) % 8)
    if pysproto.sproto_unpack(packed) != padded:
        wrong.append("unpack")
    outer = pysproto.sproto_type(schema, case["outer"])
    around = struct.pack("<HHI", 1, 0, len(encoded)) + encoded
    decoded, consumed = pysproto.sproto_decode(outer, around)
    if consumed != len(around) or exact(decoded) != exact({"it": value_of(case["decoded"])}):
        wrong.append("decode")
    return wrong


def messages():
    schemas = {}
    count = 0
    for line in sys.stdin:
        case = json.loads(line)
        for what in compare(case, schemas):
            say(case["name"], what)
        count += 1
    say("compared", count)
    end(0)


# Calls.


class Peer:
    """One end of a connection: it asks by one schema, and is asked by another."""

    def __init__(self, port, c2s, s2c):
        self.remote, self.local = pysproto.sproto_create(c2s), pysproto.sproto_create(s2c)
        self.header = pysproto.sproto_type(self.local, "package")
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.protocols = {}
        self.session = 0
        self.pushed = []
        self.asked = []

    def protocol(self, schema, name):
        if (schema, name) not in self.protocols:
            self.protocols[schema, name] = pysproto.sproto_protocol(schema, name)
        return self.protocols[schema, name]

    def send(self, header, content):
        package = pysproto.sproto_pack(pysproto.sproto_encode(self.header, header) + content)
        self.socket.sendall(struct.pack(">H", len(package)) + package)

    def receive(self):
        (length,) = struct.unpack(">H", self.file.read(2))
        package = pysproto.sproto_unpack(self.file.read(length))
        header, size = pysproto.sproto_decode(self.header, package)
        return header, package[size:]

    def tell(self, name, args=None, ud=None, session=None):
        tag, request, response = self.protocol(self.remote, name)
        header = {"type": tag}
        if session is not None:
            header["session"] = session
        if ud is not None:
            header["ud"] = ud
        self.send(header, pysproto.sproto_encode(request, args) if request else b"")
        return response

    def call(self, name, args=None, ud=None):
        """Asks, and answers what is asked until the answer is there: result and user data."""
        self.session += 1
        # Any number is a session, also one of more than 32 bits.
        session = self.session << 33 if self.session % 2 else self.session
        response = self.tell(name, args, ud, session)
        while True:
            header, content = self.receive()
            if "type" in header:
                self.answer(header, content)
                continue
            assert header["session"] == session, header
            result = pysproto.sproto_decode(response, content)[0] if response else None
            return result, header.get("ud")

    def answer(self, header, content):
        name, request, response = self.protocol(self.local, header["type"])
        args = pysproto.sproto_decode(request, content)[0] if request else None
        if name == "ask":
            self.asked.append(args["q"])
            result = pysproto.sproto_encode(response, {"a": -args["q"]})
            self.send({"session": header["session"], "ud": "answered"}, result)
        else:
            assert "session" not in header, header
            self.pushed.append((name, args))


def play(port, c2s, s2c, number):
    peer = Peer(port, c2s, s2c)
    text = "\u4e2d\u6587 %d" % number
    assert peer.call("echo", {"text": text}, "seen") == ({"text": text, "n": 8}, "seen")
    assert peer.call("echo", {}) == ({"n": 0}, None)
    # More than one frame of packing, and numbers of every width.
    long = "x" * 40000
    assert peer.call("echo", {"text": long})[0] == {"text": long, "n": 40000}
    assert peer.call("touch", {"id": 1 << 40}) == (None, None)
    far = [{"x": x, "y": -x} for x in (0, 32766, 32767, 1 << 31, (1 << 63) - 1)]
    assert peer.call("far", {"list": far})[0] == {"ok": True}
    assert peer.call("far", {"list": []})[0] == {"ok": False}
    # A move wants no answer; a ping makes the server push and ask.
    peer.tell("move", {"x": number, "y": -1})
    peer.tell("ping")
    moved, _ = peer.call("where")
    assert moved == {"x": number, "y": -1}, moved
    # The answer to the server's question is told with the next place.
    while not peer.asked:
        peer.call("where")
    peer.tell("move", {"x": 0, "y": 0})
    moved, ud = peer.call("where")
    assert moved == {"x": 0, "y": 0} and ud == "answered -77", (moved, ud)
    assert peer.asked == [77], peer.asked
    assert peer.pushed == [("heartbeat", None), ("push", {"data": b"\x00\xff"})], peer.pushed
    peer.socket.close()


def calls(port, c2s, s2c):
    wrong = []

    def played(number):
        try:
            play(port, c2s, s2c, number)
        except BaseException as error:  # whatever it is, it is told below
            wrong.append("%d: %r" % (number, error))

    threads = [threading.Thread(target=played, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for line in wrong:
        say(line)
    end(1 if wrong else 0)


if __name__ == "__main__":
    if sys.argv[1] == "messages":
        messages()
    else:
        calls(int(sys.argv[2]), bytes.fromhex(sys.argv[3]), bytes.fromhex(sys.argv[4]))
