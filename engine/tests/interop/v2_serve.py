"""A server of login v2 and attach v2 that shares no line with skyring, to try its clients against.

It grants the sample token (WIRE L13) with the password `password`, echoes requests (WIRE M9 to M14)
and prints the public key that clients must know and its ports. Started with the name of a fault, it
spoils one thing that a client must notice. It ends when its input does, with what it has counted.
"""

import collections
import re
import socket
import struct
import sys
import threading

import v2
import v2_wire

ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = bytes(range(32))
FAULTS = {
    "": "none",
    "identity": "another key signs",
    "signature": "a bit of the signature is wrong",
    "malleable": "the signature has another, not canonical spelling (RFC 8032, 5.1.7)",
    "result": "a bit of the sealed result is wrong",
    "plain": "the result is not sealed",
    "old": "line 2 is answered as if it were v1's",
    "challenge": "frame 2 has a nonce that is too short",
    "proof": "frame 4 proves nothing",
}


def flip(text, mark, place=0):
    """The text with one bit changed behind its mark."""
    data = bytearray(v2.unb64(text[len(mark):]))
    data[place] ^= 1
    return mark + v2.b64(bytes(data))


class Server:
    def __init__(self, fault):
        assert fault in FAULTS, fault
        self.fault, self.sessions, self.subid = fault, {}, 0
        self.answers = collections.defaultdict(dict)
        self.lock, self.counted = threading.Lock(), collections.Counter()

    def count(self, what):
        with self.lock:
            self.counted[what] += 1

    def listen(self, serve):
        listener = socket.create_server((v2_wire.HOST, 0), backlog=1024)
        threading.Thread(target=self.accept, args=(listener, serve), daemon=True).start()
        return listener.getsockname()[1]

    def accept(self, listener, serve):
        while True:
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.run, args=(accepted, serve), daemon=True).start()

    def run(self, accepted, serve):
        wire = v2_wire.Stream.__new__(v2_wire.Stream)
        wire.socket, wire.bytes = accepted, accepted.makefile("rb")
        try:
            serve(wire)
        except (v2_wire.Closed, OSError):
            pass
        finally:
            wire.close()

    # ---- login ----

    def login(self, wire):
        server = v2.LoginServer(bytes(32) if self.fault == "identity" else IDENTITY)
        wire.write_line(server.line1)
        try:
            line3 = server.on_line2(wire.read_line())
            if self.fault == "old":
                line3 = v2.b64(b"8 bytes.")
            # Keys are made of the lines as they are sent, so only the signature is wrong.
            if self.fault == "signature":
                line3 = flip(line3, v2.MARK_LINE, 40)
            if self.fault == "malleable":
                line3 = self.malleable(line3)
            wire.write_line(line3)
            token = server.on_line4(wire.read_line())
        except v2.Refused:
            self.count("login refused")
            return wire.write_line(b"401 Unauthorized")
        self.count("token opened")
        result = self.decide(token, server.keys.session_key)
        line5 = server.line5(result)
        if self.fault == "result":
            line5 = flip(line5, v2.MARK_LINE)
        wire.write_line(result if self.fault == "plain" else line5)

    def malleable(self, line3):
        told = v2.unb64(line3[3:])
        scalar = int.from_bytes(told[64:], "little") + ORDER
        return v2.MARK_LINE + v2.b64(told[:64] + scalar.to_bytes(32, "little"))

    def decide(self, token, key):
        parts = re.fullmatch(rb"([^@:]+)@([^@:]+):([^@:]+)", token)
        if not parts or parts[3] != v2.b64(b"password"):
            return b"401 Unauthorized"
        user, server = parts[1], parts[2]
        if server != v2.b64(b"sample"):
            return b"403 Forbidden"
        with self.lock:
            self.subid += 1
            subid = v2.b64(b"%d" % self.subid)
            self.sessions[user + b"@" + server + b"#" + subid] = v2.Session(key)
        return b"200 " + subid

    # ---- attach and requests ----

    def msg(self, wire):
        attach = v2.AttachServer(self.sessions)
        try:
            frame2 = attach.on_frame1(wire.read_frame())
            if self.fault == "challenge":
                frame2 = v2.MARK_FRAME + v2.b64(bytes(15))
            wire.write_frame(frame2)
            frame3 = wire.read_frame()
            with self.lock:
                frame4 = attach.on_frame3(frame3)
        except v2.Refused:
            self.count("attach refused")
            return wire.write_frame(b"401 Unauthorized")
        if self.fault == "proof":
            frame4 = flip(frame4, b"200 OK:")
        wire.write_frame(frame4)
        self.count("attached")
        self.echo(wire, attach.username, attach.index)

    def echo(self, wire, username, index):
        session, answers = self.sessions[username], self.answers[username]
        while True:
            payload = wire.read_frame()
            content, ident = payload[:-4], payload[-4:]
            with self.lock:
                if session.index != index:
                    raise v2_wire.Closed  # superseded (WIRE M7)
                under, said = answers.get(ident, (index, b""))
                # What was answered under another index is said again (WIRE M14).
                if under == index:
                    said = content + struct.pack(">B", 1) + ident
                answers[ident] = (index, said)
            wire.write_frame(said)
            self.count("echoed")


def main():
    server = Server(sys.argv[1] if len(sys.argv) > 1 else "")
    public = v2.b64(v2.identity_public(IDENTITY)).decode()
    print(public, server.listen(server.login), server.listen(server.msg), flush=True)
    sys.stdin.read()
    for what, times in sorted(server.counted.items()):
        print(f"{what}: {times}")


if __name__ == "__main__":
    main()
