"""Login v2 and attach v2, both halves, written from section V of protocols/WIRE.md alone.

Bytes in, bytes out: no connection is opened here. X25519, Ed25519 and AES-256-GCM are those of the
package `cryptography`; HKDF is made of Python's HMAC. Whatever the other side gets wrong raises
`Refused`, so that a caller can tell a refusal from a mistake of its own.
"""

import base64
import hashlib
import hmac
import os
import re

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = bytes(12)
MARK_LINE, MARK_FRAME = b"v2 ", b"v2:"
HELLO_BYTES_MAX = 8192


class Refused(Exception):
    """The other side did not do as section V says, or said no."""


# ---- what is used (WIRE V1) ----

def b64(data):
    return base64.b64encode(data)


def unb64(text, length=None):
    """Canonical base64 (WIRE C6), of so many bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(f"no base64: {text!r}") from None
    if b64(data) != text or length not in (None, len(data)):
        raise Refused(f"not canonical, or not {length} bytes: {text!r}")
    return data


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(secret, salt, info):
    """RFC 5869 with SHA-256: one block is the 32 bytes that are wanted."""
    return mac(mac(salt, secret), info + b"\x01")


def seal(key, aad, text):
    return AESGCM(key).encrypt(NONCE, text, aad)


def open_sealed(key, aad, sealed):
    try:
        return AESGCM(key).decrypt(NONCE, sealed, aad)
    except (InvalidTag, ValueError):
        raise Refused("what is sealed does not open") from None


def x25519_public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519(private, public):
    """The shared secret; all zeros are refused (WIRE V6)."""
    own = X25519PrivateKey.from_private_bytes(private)
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("a weak public value") from None


def identity_public(identity):
    return Ed25519PrivateKey.from_private_bytes(identity).public_key().public_bytes_raw()


def sign(identity, text):
    return Ed25519PrivateKey.from_private_bytes(identity).sign(text)


def is_signed(pin, signature, text):
    try:
        Ed25519PublicKey.from_public_bytes(pin).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def marked(mark, text, length=None):
    """What stands behind the mark of version 2."""
    if not text.startswith(mark):
        raise Refused(f"{text!r}")
    return unb64(text[len(mark):], length)


# ---- login (WIRE V3 to V9) ----

class LoginKeys:
    """What both sides know behind line 3 (WIRE V6)."""

    def __init__(self, shared, line1, line2, line3):
        lines = b"".join(line + b"\n" for line in (line1, line2, line3))
        self.shared = shared
        self.th = sha256(b"skyring login v2" + lines)
        self.token_key = hkdf(shared, self.th, b"skyring login v2 token")
        self.result_key = hkdf(shared, self.th, b"skyring login v2 result")
        self.session_key = hkdf(shared, self.th, b"skyring login v2 session")


def signed_text(line1, line2, server_public):
    """What the identity signs (WIRE V5)."""
    told = line1 + b"\n" + line2 + b"\n" + server_public
    return b"skyring login v2 server" + sha256(told)


class LoginClient:
    def __init__(self, pins, private=None):
        self.pins, self.private = pins, private or os.urandom(32)
        self.line2 = MARK_LINE + b64(x25519_public(self.private))

    def on_line1(self, line1):
        unb64(line1, 8)
        self.line1 = line1
        return self.line2

    def on_line3(self, line3, token):
        """Line 4."""
        told = marked(MARK_LINE, line3, 96)
        server_public, signature = told[:32], told[32:]
        text = signed_text(self.line1, self.line2, server_public)
        if not any(is_signed(pin, signature, text) for pin in self.pins):
            raise Refused("none of the known keys has signed this")
        shared = x25519(self.private, server_public)
        self.keys = LoginKeys(shared, self.line1, self.line2, line3)
        return MARK_LINE + b64(seal(self.keys.token_key, self.keys.th, token))

    def on_line5(self, line5):
        """The result line, which only the pinned server can have sealed."""
        sealed = marked(MARK_LINE, line5)
        return open_sealed(self.keys.result_key, self.keys.th, sealed)


class LoginServer:
    def __init__(self, identity, challenge=None, private=None):
        self.identity, self.private = identity, private or os.urandom(32)
        self.line1 = b64(challenge or os.urandom(8))

    def on_line2(self, line2):
        """Line 3."""
        client_public = marked(MARK_LINE, line2, 32)
        shared = x25519(self.private, client_public)
        server_public = x25519_public(self.private)
        signature = sign(self.identity, signed_text(self.line1, line2, server_public))
        line3 = MARK_LINE + b64(server_public + signature)
        self.keys = LoginKeys(shared, self.line1, line2, line3)
        return line3

    def on_line4(self, line4):
        """The token."""
        return open_sealed(self.keys.token_key, self.keys.th, marked(MARK_LINE, line4))

    def line5(self, result):
        return MARK_LINE + b64(seal(self.keys.result_key, self.keys.th, result))


# ---- attach (WIRE V11 to V17) ----

def transcript(frame1, frame2):
    """What an attach is about (WIRE V14)."""
    frames = b"".join(len(frame).to_bytes(2, "big") + frame for frame in (frame1, frame2))
    return sha256(b"skyring attach v2" + frames)


def client_proof(key, t):
    return mac(key, b"skyring attach v2 client" + t)


def server_proof(key, t):
    return mac(key, b"skyring attach v2 server" + t)


def next_key(key, t):
    return hkdf(key, t, b"skyring attach v2 session")


class AttachClient:
    def __init__(self, username, index, key, nonce=None):
        self.key = key
        told = [username, str(index).encode(), b64(nonce or os.urandom(16))]
        self.frame1 = MARK_FRAME + b":".join(told)

    def on_frame2(self, frame2):
        """Frame 3."""
        marked(MARK_FRAME, frame2, 16)
        self.t = transcript(self.frame1, frame2)
        return MARK_FRAME + b64(client_proof(self.key, self.t))

    def on_frame4(self, frame4):
        """The session's next key; the one of before is kept if this raises (WIRE V17)."""
        proof = marked(b"200 OK:", frame4, 32)
        if not hmac.compare_digest(proof, server_proof(self.key, self.t)):
            raise Refused("whoever that is, it does not know the session")
        return next_key(self.key, self.t)


class Session:
    """What a server keeps of one that logged in by v2 (WIRE V15, V16)."""

    def __init__(self, key):
        self.index, self.key, self.proved = 0, key, None

    def attach(self, index, t, proof):
        """The server's proof."""
        if index <= self.index:
            raise Refused("403 Index Expired")
        for key in filter(None, (self.key, self.proved)):
            if hmac.compare_digest(proof, client_proof(key, t)):
                self.index, self.key, self.proved = index, next_key(key, t), key
                return server_proof(key, t)
        raise Refused("401 Unauthorized")


class AttachServer:
    def __init__(self, sessions, nonce=None):
        self.sessions, self.nonce = sessions, nonce or os.urandom(16)

    def on_frame1(self, frame1):
        """Frame 2."""
        parts = frame1.split(b":")
        if len(frame1) > HELLO_BYTES_MAX or len(parts) != 4 or parts[0] + b":" != MARK_FRAME:
            raise Refused("400 Bad Request")
        _, self.username, index, nonce = parts
        if not re.fullmatch(rb"0|[1-9][0-9]{0,9}", index) or int(index) >= 2**32:
            raise Refused("400 Bad Request")
        uid, rest = self.username.split(b"@", 1) if b"@" in self.username else (b"!", b"")
        for part in (uid, *rest.split(b"#", 1)):
            unb64(part)
        unb64(nonce, 16)
        self.frame1, self.index = frame1, int(index)
        self.frame2 = MARK_FRAME + b64(self.nonce)
        return self.frame2

    def on_frame3(self, frame3):
        """Frame 4."""
        t = transcript(self.frame1, self.frame2)
        if self.username not in self.sessions:
            raise Refused("404 User Not Found")
        proof = marked(MARK_FRAME, frame3, 32)
        return b"200 OK:" + b64(self.sessions[self.username].attach(self.index, t, proof))
