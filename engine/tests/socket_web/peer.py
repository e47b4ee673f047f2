"""The Python package `websockets` on the other side of a connection.

    peer.py client URL [CERTIFICATE]     asks a server that echoes, and checks what comes back
    peer.py server [CERTIFICATE KEY]     prints its port, and plays the part that `peers.rs` expects
"""

import asyncio
import ssl
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate

# Messages that have been trouble to somebody, by length and by content.
LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]
TEXTS = ["", "hello", "\u00e9\u4e2d\U0001f600", "a line\nand another", "repeat " * 20000]

# What a client may offer.
OFFERS = [
    None,
    [Deflate()],
    [Deflate(server_no_context_takeover=True, client_no_context_takeover=True)],
    [Deflate(server_max_window_bits=9, client_max_window_bits=10)],
    [Deflate(server_max_window_bits=15, client_max_window_bits=True)],
]

LONG = 200_000


def payload(length):
    """Bytes that neither repeat nor compress well."""
    state, out = 12345 + length, bytearray()
    while len(out) < length:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(state >> 16 & 0xFF)
    return bytes(out)


def check(is_so, what):
    if not is_so:
        raise SystemExit(f"not so: {what}")


async def ask(url, offer, context):
    name = "localhost" if context else None
    async with websockets.connect(
        url, compression=None, extensions=offer, max_size=None, ssl=context, server_hostname=name,
        subprotocols=["superchat", "chat"], close_timeout=10,
    ) as socket:
        check(socket.subprotocol == "chat", f"sub-protocol {socket.subprotocol}")
        agreed = [extension.name for extension in socket.protocol.extensions]
        check(agreed == (["permessage-deflate"] if offer else []), f"{offer} gave {agreed}")
        for message in TEXTS + [payload(length) for length in LENGTHS]:
            await socket.send(message)
            check(await socket.recv() == message, f"echo of {len(message)}")
        await socket.send(["in ", "three ", "pieces"])
        check(await socket.recv() == "in three pieces", "fragments")
        # Many on their way at once come back in order.
        many = [f"message {number}" for number in range(500)]
        await asyncio.gather(*map(socket.send, many))
        check([await socket.recv() for _ in many] == many, "order")
        latency = await asyncio.wait_for(await socket.ping(b"are you there"), 20)
        check(latency >= 0, "pong")
        await socket.close(4000, "enough")
        check(socket.close_code == 4000, f"close {socket.close_code}")


async def client(url, certificate):
    context = ssl.create_default_context(cafile=certificate) if certificate else None
    for offer in OFFERS:
        await asyncio.wait_for(ask(url, offer, context), 60)
    print("agrees")


async def play(socket):
    request = socket.request
    agreed = "".join(extension.name for extension in socket.protocol.extensions)
    asked = request.headers.get("X-From", "")
    await socket.send(f"{request.path} {asked} {socket.subprotocol} {agreed}")
    await asyncio.wait_for(await socket.ping(b"ping"), 20)
    await socket.send("pong came")
    await socket.send(["in ", "three ", "pieces"])
    await socket.send("x" * LONG)
    async for message in socket:
        if message == "bye":
            await socket.close(1000, "enough")
            return
        await socket.send(message.upper())


async def server(certificate, key):
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    async with websockets.serve(
        play, "127.0.0.1", 0, ssl=context, subprotocols=["chat"], max_size=None
    ) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


def main():
    role, *rest = sys.argv[1:]
    first, second, *_ = [*rest, None, None]
    asyncio.run(client(first, second) if role == "client" else server(first, second))


main()
