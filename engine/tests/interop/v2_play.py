"""A client of login v2 and attach v2 that shares no line with skyring, against a running server.

It comes in, plays, loses connections and comes back, under ever new keys; and it changes what is on
the way, pretends and repeats, which must get it nowhere. Called with the public key that the server
must prove, and with ports by name: "login" and "msg" are listeners that take both versions, "old"
and "new" logins that take one version only; or with "web" alone, which is http. Ends with status 0
if all was right.
"""

import base64
import os
import sys

import client
import v2
import v2_wire
from v2_wire import Stream, Web, answer, ask

UNAUTHORIZED = b"401 Unauthorized"
# Public values of small order (RFC 7748, section 7), which make every secret zero: those below the
# prime, and three more spellings of theirs.
PRIME = 2**255 - 19
ORDER_8 = [
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
WEAK = [0, 1, *ORDER_8, PRIME - 1, PRIME, PRIME + 1]


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def expect_refused(act, *arguments):
    try:
        act(*arguments)
    except v2.Refused:
        return
    raise AssertionError(f"{act} was believed")


def flipped(text, place):
    """The text with one bit of this byte changed; never a line feed."""
    return text[:place] + bytes([text[place] ^ 1]) + text[place + 1:]


class Game:
    """Where the server is, and what it must prove."""

    def __init__(self, pin, places):
        self.pin, self.places = pin, places

    def login_wire(self):
        if "web" in self.places:
            return Web(self.places["web"], "/login")
        return Stream(self.places["login"])

    def msg_wire(self):
        if "web" in self.places:
            return Web(self.places["web"], "/msg")
        return Stream(self.places["msg"])


class User:
    """A user, with the key of the last attach and the next index."""

    def __init__(self, game, uid):
        self.game, self.uid, self.index = game, uid, 0
        self.username = self.key = None

    def token(self, server=b"sample", password=b"password"):
        return v2.b64(self.uid) + b"@" + v2.b64(server) + b":" + v2.b64(password)

    def login(self, token=None):
        """The sealed result (WIRE V3)."""
        wire, login = self.game.login_wire(), v2.LoginClient([self.game.pin])
        wire.write_line(login.on_line1(wire.read_line()))
        wire.write_line(login.on_line3(wire.read_line(), token or self.token()))
        result = login.on_line5(wire.read_line())
        assert wire.is_closed(), "the server closes behind its result"
        wire.close()
        code, subid = result.split(b" ", 1)
        if code == b"200":
            self.username = v2.b64(self.uid) + b"@" + v2.b64(b"sample") + b"#" + subid
            self.key, self.index = login.keys.session_key, 0
        return result

    def hello(self, key=None, index=None):
        """A connection behind frame 2, the client's half and frame 3 (WIRE V11)."""
        if index is None:
            self.index = index = self.index + 1
        wire = self.game.msg_wire()
        attach = v2.AttachClient(self.username, index, key or self.key)
        wire.write_frame(attach.frame1)
        return wire, attach, attach.on_frame2(wire.read_frame())

    def attach(self, key=None):
        """A connection that is attached, and the next key of it."""
        wire, attach, frame3 = self.hello(key)
        wire.write_frame(frame3)
        self.key = attach.on_frame4(wire.read_frame())
        return wire

    def is_refused(self, key=None, index=None, spoil=lambda frame3: frame3):
        wire, _, frame3 = self.hello(key, index)
        wire.write_frame(spoil(frame3))
        expect(wire.read_frame(), UNAUTHORIZED)
        assert wire.is_closed()
        wire.close()


def user(game, uid):
    """A user who is logged in."""
    made = User(game, uid)
    expect(made.login()[:4], b"200 ")
    return made


# ---- what must work ----

def play_and_come_back(game):
    player = user(game, bytes(range(256)))
    wire = player.attach()
    for ident in [0, 1, 2**32 - 1]:
        ask(wire, ident, b"request %d" % ident)
        expect(answer(wire), (1, ident, b"request %d" % ident))
    ask(wire, 7, b"once")
    expect(answer(wire), (1, 7, b"once"))
    for _ in range(3):
        wire.close()
        wire = player.attach()
        ask(wire, 7, b"a repeat: the stored answer comes")
        expect(answer(wire), (1, 7, b"once"))
    later = player.attach()
    assert wire.is_closed(), "superseded"
    older = player.username
    expect(player.login()[:4], b"200 ")
    assert player.username != older and later.is_closed(), "the older session is ended"
    player.attach().close()


def requests_behind_frame_3(game):
    """Nothing waits for frame 4 (WIRE V11)."""
    player = user(game, b"hurry")
    wire, attach, frame3 = player.hello()
    wire.write_frame(frame3)
    ask(wire, 5, b"at once")
    attach.on_frame4(wire.read_frame())
    expect(answer(wire), (1, 5, b"at once"))
    wire.close()


def lost_answers(game):
    """The key before the session's counts until the session's was proved (WIRE V16)."""
    player = user(game, b"lost")
    first = player.key
    player.attach().close()
    unheard = player.key
    player.attach(first).close()
    player.is_refused(unheard)
    second = player.key
    player.attach().close()
    player.is_refused(first)
    player.attach(second).close()
    # Nor does it matter how much of frame 4 was read: here nothing.
    kept = player.key
    wire, _, frame3 = player.hello()
    wire.write_frame(frame3)
    wire.close()
    player.attach(kept).close()
    # What no key proved has used up no index either.
    player.is_refused(os.urandom(32), player.index + 1)
    player.attach().close()


# ---- what must not ----

def denied(game):
    """What the application denies is said under the seal (WIRE V8)."""
    player = User(game, b"denied")
    expect(player.login(player.token(password=b"wrong")), UNAUTHORIZED)
    expect(player.login(b"no token"), UNAUTHORIZED)
    expect(player.login(player.token(server=b"elsewhere")), b"403 Forbidden")


def another_server(game):
    """A key that is not known is not believed, nor what was said to somebody else (WIRE V5)."""
    told = []
    for _ in range(2):
        wire, login = game.login_wire(), v2.LoginClient([v2.identity_public(os.urandom(32))])
        wire.write_line(login.on_line1(wire.read_line()))
        line3 = wire.read_line()
        expect_refused(login.on_line3, line3, b"token")
        told.append((login, line3))
        wire.close()
    (one, line3), (other, _) = told
    one.pins = other.pins = [v2.identity_public(bytes(32)), game.pin]
    one.on_line3(line3, b"token")
    expect_refused(other.on_line3, line3, b"token")


def changed_on_the_way_to_the_client(game):
    """Every byte of lines 1, 3 and 5 counts."""
    player, wire = User(game, b"changed"), game.login_wire()
    login = v2.LoginClient([game.pin])
    line1 = wire.read_line()
    wire.write_line(login.on_line1(line1))
    line3 = wire.read_line()
    wire.write_line(login.on_line3(line3, player.token()))
    line5 = wire.read_line()
    wire.close()

    def replay(line1, line3, line5):
        again = v2.LoginClient([game.pin], login.private)
        again.on_line1(line1)
        again.on_line3(line3, player.token())
        return again.on_line5(line5)

    expect(replay(line1, line3, line5)[:4], b"200 ")
    for place in range(len(line1)):
        expect_refused(replay, flipped(line1, place), line3, line5)
    for place in range(len(line3)):
        expect_refused(replay, line1, flipped(line3, place), line5)
    for place in range(len(line5)):
        expect_refused(replay, line1, line3, flipped(line5, place))


def spoiled_login(game, spoil2=None, spoil4=None):
    """What a login ends with when somebody changes line 2 or 4."""
    wire, login = game.login_wire(), v2.LoginClient([game.pin])
    line2 = login.on_line1(wire.read_line())
    wire.write_line(spoil2(line2) if spoil2 else line2)
    line3 = wire.read_line()
    if spoil2 and line3 != UNAUTHORIZED:
        expect_refused(login.on_line3, line3, b"token")
        # One that believed it could not go on either.
        keys = v2.LoginKeys(bytes(32), login.line1, line2, line3)
        wire.write_line(v2.MARK_LINE + v2.b64(v2.seal(keys.token_key, keys.th, b"token")))
        line3 = wire.read_line()
    elif not spoil2:
        wire.write_line(spoil4(login.on_line3(line3, User(game, b"spoiled").token())))
        line3 = wire.read_line()
    expect(line3, UNAUTHORIZED)
    assert wire.is_closed()
    wire.close()


def changed_on_the_way_to_the_server(game):
    """Every byte of lines 2 and 4 counts, and nothing tells which was wrong (WIRE V9)."""
    for place in range(len(v2.MARK_LINE) + 44):
        spoiled_login(game, spoil2=lambda line: flipped(line, place))
    length = len(v2.MARK_LINE) + len(v2.b64(bytes(len(User(game, b"spoiled").token()) + 16)))
    for place in range(length):
        spoiled_login(game, spoil4=lambda line: flipped(line, place))
    cuts = [b"", v2.MARK_LINE, v2.MARK_LINE + v2.b64(bytes(15)), v2.MARK_LINE + v2.b64(bytes(16))]
    for line in [*cuts, b"v2", UNAUTHORIZED]:
        spoiled_login(game, spoil4=lambda _: line)
    for line in [*cuts, v2.MARK_LINE + v2.b64(bytes(33)), b"v3 " + v2.b64(bytes(32))]:
        spoiled_login(game, spoil2=lambda _: line)


def weak_values(game):
    for weak in WEAK:
        for high in (0, 2**255):
            public = (weak | high).to_bytes(32, "little")
            wire = game.login_wire()
            wire.read_line()
            wire.write_line(v2.MARK_LINE + v2.b64(public))
            expect(wire.read_line(), UNAUTHORIZED)
            assert wire.is_closed()
            wire.close()


def refused_attaches(game):
    player = user(game, b"refused")
    player.attach().close()
    player.attach().close()
    player.is_refused(index=1)
    player.is_refused(index=2)
    player.is_refused(os.urandom(32))
    length = len(v2.MARK_FRAME) + 44
    for place in range(length):
        player.is_refused(spoil=lambda frame3: flipped(frame3, place))
    for frame3 in [b"", b"v2:", b"v2:" + v2.b64(bytes(32)), b"v2:" + v2.b64(bytes(31))]:
        player.is_refused(spoil=lambda _: frame3)
    stranger = User(game, b"stranger")
    stranger.username, stranger.key = b"c3RyYW5nZXI=@c2FtcGxl#MQ==", os.urandom(32)
    stranger.is_refused()
    player.attach().close()


def recorded_proofs(game):
    """What was sent once opens nothing again: the server's nonce is another (WIRE V13)."""
    player = user(game, b"recorded")
    wire, attach, frame3 = player.hello()
    wire.write_frame(frame3)
    player.key = attach.on_frame4(wire.read_frame())
    wire.close()
    other = game.msg_wire()
    other.write_frame(attach.frame1)
    other.read_frame()
    other.write_frame(frame3)
    expect(other.read_frame(), UNAUTHORIZED)
    other.close()
    player.is_refused(spoil=lambda _: frame3)
    player.attach().close()


def changed_attaches(game):
    """Every byte of frames 1, 2 and 4 counts."""
    player = user(game, b"changed")
    length = len(v2.AttachClient(player.username, 1, player.key).frame1)
    for place in range(length):
        wire = game.msg_wire()
        attach = v2.AttachClient(player.username, 1, player.key)
        wire.write_frame(flipped(attach.frame1, place))
        said = wire.read_frame()
        if said.startswith(v2.MARK_FRAME):
            wire.write_frame(attach.on_frame2(said))
            said = wire.read_frame()
        expect(said, UNAUTHORIZED)
        wire.close()
    wire, attach, frame3 = player.hello()
    wire.write_frame(frame3)
    frame4 = wire.read_frame()
    for place in range(len(frame4)):
        expect_refused(attach.on_frame4, flipped(frame4, place))
    player.key = attach.on_frame4(frame4)
    wire.close()
    wire, attach, _ = player.hello()
    wire.write_frame(attach.on_frame2(v2.MARK_FRAME + v2.b64(bytes(16))))
    expect(wire.read_frame(), UNAUTHORIZED)
    wire.close()


def bad_hellos(game):
    """A frame 1 of another shape (WIRE V12)."""
    player = user(game, b"hello")
    nonce, name = v2.b64(bytes(16)), player.username
    indexes = [b"", b"01", b"-1", b"+1", b" 1", b"0x1", b"4294967296", b"x"]
    nonces = [b"", nonce[:-1], nonce + b":", v2.b64(bytes(15)), v2.b64(bytes(17))]
    longest = bytes(v2.HELLO_BYTES_MAX - len(v2.MARK_FRAME))
    texts = [b"", name, name + b":1", b"no name:1:" + nonce, longest]
    texts += [name + b":" + index + b":" + nonce for index in indexes]
    texts += [name + b":1:" + nonce for nonce in nonces]
    for text in texts:
        wire = game.msg_wire()
        wire.write_frame(v2.MARK_FRAME + text)
        expect(wire.read_frame(), UNAUTHORIZED)
        assert wire.is_closed()
        wire.close()
    for text in [longest + b"x", bytes(60000)]:
        wire = game.msg_wire()
        wire.write_frame(v2.MARK_FRAME + text)
        # A message is refused by its head, with 1009 and no answer (WIRE W17).
        assert "web" in game.places or wire.read_frame() == UNAUTHORIZED
        assert wire.is_closed()
        wire.close()
    player.attach().close()


# ---- old and new ----

def old_beside_new(game):
    """A session has one version, and so has a listener that says so (WIRE V10, V15)."""
    ports = game.places
    old = client.User(ports, b"old")
    expect(old.login(), 200)
    old.attach(1).close()
    new = User(game, b"old")
    new.username, new.key, new.index = old.username, old.secret, 1
    new.is_refused()
    new.is_refused(old.secret + bytes(24))
    old.attach(2).close()
    new = user(game, b"new")
    old = client.User(ports, b"new")
    old.username = new.username
    for old.secret in (new.key[:8], bytes(8)):
        expect(old.try_line(old.attach_line(1))[1], UNAUTHORIZED)
    new.attach().close()
    for place, line2 in [("old", v2.LoginClient([]).line2), ("new", v2.b64(b"8 bytes."))]:
        wire = Stream(ports[place])
        wire.read_line()
        wire.write_line(line2)
        expect(wire.read_line(), UNAUTHORIZED)
        assert wire.is_closed()
        wire.close()
    expect(client.User({"login": ports["old"]}, b"plain").login(), 200)
    expect(user(Game(game.pin, {"login": ports["new"]}), b"secure").index, 0)


ANYWHERE = [
    play_and_come_back, requests_behind_frame_3, lost_answers, denied, another_server,
    changed_on_the_way_to_the_client, changed_on_the_way_to_the_server, weak_values,
    refused_attaches, recorded_proofs, changed_attaches, bad_hellos,
]


def main():
    pin = base64.b64decode(sys.argv[1], validate=True)
    places = {name: int(port) for name, port in (place.split("=") for place in sys.argv[2:])}
    game = Game(pin, places)
    for act in ANYWHERE if "web" in places else [*ANYWHERE, old_beside_new]:
        act(game)
        print("ok", act.__name__, flush=True)
    print("all right")


if __name__ == "__main__":
    main()
