"""Logs in, attaches, plays, loses its connection and attaches again: a client that shares no code with skyring.

The standard library does everything but DES, which `openssl` does. Every function is written from the numbered rules in
protocols/WIRE.md, so that a mistake made once in Rust is not made here again.

usage: player.py LOGIN_HOST:PORT MSG_HOST:PORT
"""

import base64
import math
import os
import socket
import struct
import subprocess
import sys

WORD = 0xFFFFFFFF
PRIME = 2**64 - 59
PATIENCE_S = 30

MD5_SHIFTS = [(7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21)]
MD5_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)


def md5_block(words):
    """The 64 steps of MD5 over one block of 16 words, without the final addition (RFC 1321, 3.4)."""
    a, b, c, d = MD5_START
    for step in range(64):
        turn, place = divmod(step, 16)
        if turn == 0:
            mixed, word = (b & c) | (~b & d), place
        elif turn == 1:
            mixed, word = (d & b) | (~d & c), (5 * place + 1) % 16
        elif turn == 2:
            mixed, word = b ^ c ^ d, (3 * place + 5) % 16
        else:
            mixed, word = c ^ (b | (~d & WORD)), (7 * place) % 16
        constant = int(abs(math.sin(step + 1)) * 2**32)
        total = (a + mixed + constant + words[word]) & WORD
        shift = MD5_SHIFTS[turn][step % 4]
        turned = ((total << shift) | (total >> (32 - shift))) & WORD
        a, b, c, d = d, (b + turned) & WORD, b, c
    return a, b, c, d


def hmac64(x, y):
    (x0, x1), (y0, y1) = struct.unpack("<2I", x), struct.unpack("<2I", y)
    a, b, c, d = md5_block([x1, x0, y1, y0] * 4)
    return struct.pack("<2I", c ^ d, a ^ b)


def hashkey(text):
    one, two = 5381, 1315423911
    for byte in text:
        one = (33 * one + byte) & WORD
        two ^= ((two << 5) + byte + (two >> 2)) & WORD
    return struct.pack("<2I", one, two)


def encrypt(key, text):
    """DES in ECB mode; the padding is 0x80 and zeros up to a whole block."""
    padded = text + b"\x80" + bytes(-(len(text) + 1) % 8)
    command = ["openssl", "enc", "-des-ecb", "-nopad", "-K", key.hex()]
    providers = ["-provider", "legacy", "-provider", "default"]
    done = subprocess.run(command + providers, input=padded, stdout=subprocess.PIPE, check=True)
    return done.stdout


def b64(data):
    return base64.b64encode(data)


class Login:
    """One login conversation."""

    def __init__(self, address):
        self.stream = socket.create_connection(address, PATIENCE_S)
        self.lines = self.stream.makefile("rb")

    def line(self):
        line = self.lines.readline()
        assert line.endswith(b"\n"), f"the line ends: {line!r}"
        return line[:-1]

    def send(self, data):
        self.stream.sendall(b64(data) + b"\n")

    def run(self, user, server, password):
        """The result line and the secret."""
        challenge = base64.b64decode(self.line(), validate=True)
        private = int.from_bytes(os.urandom(8), "little") | 1
        self.send(pow(5, private, PRIME).to_bytes(8, "little"))
        public = int.from_bytes(base64.b64decode(self.line(), validate=True), "little")
        secret = pow(public, private, PRIME).to_bytes(8, "little")
        self.send(hmac64(challenge, secret))
        self.send(encrypt(secret, b64(user) + b"@" + b64(server) + b":" + b64(password)))
        result = self.line()
        assert self.lines.read() == b"", "the server closes behind the result line"
        return result, secret


class Connection:
    """One connection to the message server."""

    def __init__(self, address):
        self.stream = socket.create_connection(address, PATIENCE_S)
        self.bytes = self.stream.makefile("rb")

    def send(self, payload):
        self.stream.sendall(struct.pack(">H", len(payload)) + payload)

    def receive(self):
        head = self.bytes.read(2)
        if not head:
            return None
        return self.bytes.read(struct.unpack(">H", head)[0])

    def attach(self, username, index, secret):
        text = username + b":" + str(index).encode()
        self.send(text + b":" + b64(hmac64(hashkey(text), secret)))
        return self.receive()

    def ask(self, number, content):
        self.send(content + struct.pack(">I", number))

    def answer(self):
        payload = self.receive()
        return payload[:-5], payload[-5], struct.unpack(">I", payload[-4:])[0]


def check(name, found, expected):
    assert found == expected, f"{name}: {found!r}, expected {expected!r}"
    print(f"ok {name}")


def main():
    login, msg = (place.rsplit(":", 1) for place in sys.argv[1:3])
    login, msg = (login[0], int(login[1])), (msg[0], int(msg[1]))
    user, server = b"interop", b"sample"

    check("hashkey", hashkey(b"").hex(), "05150000a7c6674e")
    check("wrong password", Login(login).run(user, server, b"wrong")[0], b"401 Unauthorized")
    check("unknown server", Login(login).run(user, b"other", b"password")[0], b"403 Forbidden")
    result, secret = Login(login).run(user, server, b"password")
    check("login", result[:4], b"200 ")
    username = b64(user) + b"@" + b64(server) + b"#" + result[4:]

    first = Connection(msg)
    check("attach", first.attach(username, 1, secret), b"200 OK")
    first.ask(1, b"echo")
    check("request", first.answer(), (b"echo", 1, 1))
    first.ask(0xFFFFFFFF, b"x" * 65000)
    check("large request", first.answer(), (b"x" * 65000, 1, 0xFFFFFFFF))
    first.ask(2, b"once")
    first.ask(3, b"")
    check("order", [first.answer(), first.answer()], [(b"once", 1, 2), (b"", 1, 3)])

    check("stale index", Connection(msg).attach(username, 1, secret), b"401 Unauthorized")
    check("wrong secret", Connection(msg).attach(username, 2, bytes(8)), b"401 Unauthorized")
    second = Connection(msg)
    check("attach again", second.attach(username, 2, secret), b"200 OK")
    check("the older connection is closed", first.receive(), None)
    second.ask(2, b"another text, but the stored answer comes")
    check("replay", second.answer(), (b"once", 1, 2))

    again, _ = Login(login).run(user, server, b"password")
    check("login while on line", again[:4], b"200 ")
    assert again != result, "the new login has a new subid"
    check("the kicked session's connection is closed", second.receive(), None)


main()
