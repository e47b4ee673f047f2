"""A client that shares no line with skyring, written from the wire rules (protocols/WIRE.md).

Python's standard library alone, with its own DES, key exchange and MACs. It logs in at the demo,
attaches, plays, drops the connection, comes back and checks every byte. Called with the ports of a
login, a msg and a gate listener and with "strict" or "skynet"; ends with status 0 if all was right.
"""

import base64
import math
import os
import socket
import struct
import sys

import des

PRIME = 2**64 - 59
WORD = 2**32 - 1
SHIFTS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
SINES = [int(abs(math.sin(step + 1)) * 2**32) for step in range(64)]
OK = 1


# ---- keys and MACs (WIRE C9 to C14) ----

def number(key):
    return int.from_bytes(key, "little")


def public_value(private):
    return pow(5, number(private), PRIME).to_bytes(8, "little")


def shared_secret(public, private):
    return pow(number(public), number(private), PRIME).to_bytes(8, "little")


def hashkey(text):
    plus, shifted = 5381, 1315423911
    for byte in text:
        plus = (33 * plus + byte) & WORD
        shifted ^= ((shifted << 5) + byte + (shifted >> 2)) & WORD
    return struct.pack("<II", plus, shifted)


def md5_steps(words):
    """The 64 steps of MD5 on one block, without the addition at their end."""
    a, b, c, d = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476
    for step in range(64):
        turn = step // 16
        mixed, at = [
            ((b & c) | (~b & d), step),
            ((d & b) | (~d & c), 5 * step + 1),
            (b ^ c ^ d, 3 * step + 5),
            (c ^ (b | (~d & WORD)), 7 * step),
        ][turn]
        total = (a + mixed + SINES[step] + words[at % 16]) & WORD
        shift = SHIFTS[turn][step % 4]
        a, d, c, b = d, c, b, (b + (total << shift | total >> (32 - shift))) & WORD
    return a, b, c, d


def hmac64(x, y):
    (x0, x1), (y0, y1) = struct.unpack("<II", x), struct.unpack("<II", y)
    a, b, c, d = md5_steps([x1, x0, y1, y0] * 4)
    return struct.pack("<II", c ^ d, a ^ b)


# ---- connections ----

class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.unread = b""

    def send(self, data):
        self.socket.sendall(data)

    def read_more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server has closed")
        self.unread += data

    def read(self, count):
        while len(self.unread) < count:
            self.read_more()
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    def read_line(self):
        while b"\n" not in self.unread:
            self.read_more()
        line, self.unread = self.unread.split(b"\n", 1)
        return line

    def read_frame(self):
        return self.read(int.from_bytes(self.read(2), "big"))

    def send_frame(self, payload):
        self.send(len(payload).to_bytes(2, "big") + payload)

    def is_closed(self):
        try:
            return not self.unread and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class User:
    """A user with the secret of the last login."""

    def __init__(self, ports, uid, server=b"sample"):
        self.ports, self.uid, self.server = ports, uid, server
        self.secret, self.username = b"", b""

    def login(self, password=b"password", spoil=lambda proof: proof):
        """The code of the result line (WIRE L1 to L8)."""
        encode = base64.b64encode
        wire = Connection(self.ports["login"])
        challenge = base64.b64decode(wire.read_line())
        private = os.urandom(7) + b"\1"
        wire.send(encode(public_value(private)) + b"\n")
        self.secret = shared_secret(base64.b64decode(wire.read_line()), private)
        token = encode(self.uid) + b"@" + encode(self.server) + b":" + encode(password)
        proof = spoil(hmac64(challenge, self.secret))
        wire.send(encode(proof) + b"\n" + encode(des.encrypt(self.secret, token)) + b"\n")
        code, rest = wire.read_line().split(b" ", 1)
        assert wire.is_closed(), "the server closes behind its result line"
        wire.close()
        if code == b"200":
            names = [encode(self.uid), encode(self.server), rest]
            self.username = names[0] + b"@" + names[1] + b"#" + names[2]
        return int(code)

    def attach_line(self, index, spoil=lambda mac: mac):
        text = self.username + b":" + str(index).encode()
        mac = spoil(hmac64(hashkey(text), self.secret))
        return text + b":" + base64.b64encode(mac)

    def attach(self, index):
        """The connection after 200 (WIRE M3 to M6)."""
        wire, answer = self.try_line(self.attach_line(index))
        expect(answer, b"200 OK")
        return wire

    def try_line(self, line):
        wire = Connection(self.ports["msg"])
        wire.send_frame(line)
        return wire, wire.read_frame()


def ask(wire, ident, content):
    wire.send_frame(content + struct.pack(">I", ident))


def answer(wire):
    payload = wire.read_frame()
    flag, ident = struct.unpack(">BI", payload[-5:])
    return flag, ident, payload[:-5]


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def flip(data):
    return bytes([data[0] ^ 1]) + data[1:]


# ---- what is tried ----

def refused_logins(ports):
    expect(User(ports, b"python").login(password=b"wrong"), 401)
    expect(User(ports, b"python").login(spoil=flip), 401)
    expect(User(ports, b"python", server=b"elsewhere").login(), 403)


def play_and_come_back(ports):
    user = User(ports, bytes(range(256)))
    expect(user.login(), 200)
    wire = user.attach(1)
    for ident in [0, 1, 2**32 - 1]:
        content = b"request %d" % ident
        ask(wire, ident, content)
        expect(answer(wire), (OK, ident, content))
    ask(wire, 7, b"the answer is not read")
    wire.close()
    wire = user.attach(2)
    for ident, content in [(7, b"the answer is not read"), (0, b"request 0")]:
        ask(wire, ident, b"a repeat: its content does not matter")
        expect(answer(wire), (OK, ident, content))
    ask(wire, 7, b"used again")
    expect(answer(wire), (OK, 7, b"used again"))
    ask(wire, 8, b"x" * 65530)
    expect(answer(wire), (OK, 8, b"x" * 65530))
    later = user.attach(10)
    assert wire.is_closed(), "superseded"
    return user, later


def pipelined(wire):
    contents = [os.urandom(ident) for ident in range(500)]
    frames = [content + struct.pack(">I", 100 + ident) for ident, content in enumerate(contents)]
    wire.send(b"".join(struct.pack(">H", len(frame)) + frame for frame in frames))
    for ident, content in enumerate(contents):
        expect(answer(wire), (OK, 100 + ident, content))


def refused_attaches(user, mode):
    expected = {"bad": b"400 Bad Request", "mac": b"401 Unauthorized",
                "index": b"403 Index Expired", "user": b"404 User Not Found"}
    if mode == "strict":
        expected = dict.fromkeys(expected, b"401 Unauthorized")
    lines = [
        ("index", user.attach_line(10)),
        ("mac", user.attach_line(11, spoil=flip)),
        ("bad", user.username + b":x:" + base64.b64encode(b"12345678")),
        ("bad", user.username + b":12:!"),
        ("user", b"bm9ib2R5@c2FtcGxl#MQ==:1:" + base64.b64encode(b"12345678")),
        ("user", b"no colon"),
    ]
    for name, line in lines:
        wire, said = user.try_line(line)
        expect(said, expected[name])
        assert wire.is_closed()
        wire.close()


def second_login(ports, user, wire):
    older = user.username
    expect(user.login(), 200)
    assert user.username != older, "a subid of its own"
    assert wire.is_closed(), "the older session is ended"
    wire = user.attach(1)
    ask(wire, 7, b"nothing is remembered")
    expect(answer(wire), (OK, 7, b"nothing is remembered"))
    wire.close()


def gate(ports):
    wire = Connection(ports["gate"])
    for content in [b"", b"x", os.urandom(65535)]:
        wire.send_frame(content)
        expect(wire.read_frame(), content)
    wire.close()


def main():
    ports = dict(zip(["login", "msg", "gate"], map(int, sys.argv[1:4])))
    mode = sys.argv[4]
    refused_logins(ports)
    user, wire = play_and_come_back(ports)
    pipelined(wire)
    refused_attaches(user, mode)
    second_login(ports, user, wire)
    gate(ports)
    print("all right")


if __name__ == "__main__":
    main()
