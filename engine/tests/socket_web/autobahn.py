"""The Autobahn cases against a server or a client, and what came of them as a table.

    autobahn.py server ws://127.0.0.1:8080/ws
    autobahn.py client -- skyring ws --echo

Cases and runner are those of the package `kosoku`, which also speaks to clients with `websockets`.
A client is started once a case, with the URL behind its arguments. Ends with 1 if a case failed, or
was not run to its end, or if what it is about is not implemented.
"""

import argparse
import asyncio
import collections
import contextlib
import os
import ssl
import sys
import time
import urllib.parse

import kosoku
import websockets

# Longer than any case may take, in seconds.
PATIENCE = 600

# What a case may end with.
VERDICTS = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED"]


async def pump(reader, writer):
    """Copies bytes until their end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    writer.close()


@contextlib.asynccontextmanager
async def relay(host, port, accepts=None, connects=None):
    """Another port for the same service, with TLS on either side. The runner itself knows none."""

    async def handle(reader, writer):
        name = "localhost" if connects else None
        try:
            up = await asyncio.open_connection(host, port, ssl=connects, server_hostname=name)
        except OSError as error:
            print(f"relay: {error}", file=sys.stderr)
            writer.close()
            return
        await asyncio.gather(pump(reader, up[1]), pump(up[0], writer))

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=accepts)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_server(options):
    """All cases against the server at a URL."""
    url = urllib.parse.urlsplit(options.url)
    async with contextlib.AsyncExitStack() as stack:
        target = options.url
        if url.scheme == "wss":
            connects = ssl.create_default_context(cafile=options.ca)
            port = await stack.enter_async_context(relay(url.hostname, url.port, None, connects))
            target = url._replace(scheme="ws", netloc=f"127.0.0.1:{port}").geturl()
        return await outcome(
            kosoku.run_fuzzingclient(
                target, options.cases, options.exclude, concurrency=options.at_once
            )
        )


async def test_client(options):
    """All cases against a program, which is given a URL to echo to."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            kosoku.run_fuzzingserver(options.cases, options.exclude, host="127.0.0.1", port=0)
        )
        plain = f"ws://127.0.0.1:{server.port}"
        base = plain
        if options.cert:
            accepts = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            accepts.load_cert_chain(options.cert, options.key)
            port = await stack.enter_async_context(relay("127.0.0.1", server.port, accepts))
            base = f"wss://localhost:{port}"
        async with websockets.connect(f"{plain}/getCaseCount") as socket:
            count = int(await socket.recv())
        turns = asyncio.Semaphore(options.at_once)

        async def run(case):
            async with turns:
                url = f"{base}/runCase?case={case}&agent=skyring"
                process = await asyncio.create_subprocess_exec(
                    *options.program, url, stdin=asyncio.subprocess.DEVNULL
                )
                try:
                    await asyncio.wait_for(process.wait(), PATIENCE)
                except asyncio.TimeoutError:
                    print(f"case number {case} has no end", file=sys.stderr)
                    process.kill()
                    await process.wait()

        await asyncio.gather(*map(run, range(1, count + 1)))
        with contextlib.suppress(websockets.ConnectionClosed):
            async with websockets.connect(f"{plain}/updateReports?agent=skyring") as socket:
                await socket.wait_closed()
        return await outcome(server.get_result())


async def outcome(run):
    """The results of a run, whether or not all cases have passed."""
    try:
        return list(await asyncio.wait_for(run, PATIENCE * 60))
    except kosoku.FailureError as failure:
        return list(failure.results)


def verdict(result):
    """The worse of a case's two verdicts, as one of VERDICTS."""
    about, close = result.behavior.value, result.behavior_close.value
    if about == "UNIMPLEMENTED":
        return about
    if about not in VERDICTS or close not in ("OK", "INFORMATIONAL"):
        return "FAILED"
    return about


def sort_key(case):
    return [int(part) for part in case.split(".")]


def report(options, results, seconds):
    """Prints the table; whether there is nothing to complain about."""
    what = options.url if options.mode == "server" else " ".join(options.program)
    secure = what.startswith("wss:") or getattr(options, "cert", None)
    groups = collections.defaultdict(list)
    for result in results:
        groups[".".join(result.case_id.split(".")[:2])].append(result)
    scheme = "wss" if secure else "ws"
    print(f"### {options.mode}, {scheme}: {len(results)} cases in {seconds:.0f} s\n")
    print(f"| group | cases | {' | '.join(VERDICTS)} | ms, the longest |")
    print("|---|" + "---:|" * (len(VERDICTS) + 2))
    for group, members in sorted(groups.items(), key=lambda item: sort_key(item[0])):
        counts = collections.Counter(verdict(member) for member in members)
        cells = [str(counts[name] or "") for name in VERDICTS]
        longest = max(member.duration for member in members)
        print(f"| {group} | {len(members)} | {' | '.join(cells)} | {longest} |")
    counts = collections.Counter(verdict(result) for result in results)
    cells = [str(counts[name]) for name in VERDICTS]
    longest = max((result.duration for result in results), default=0)
    print(f"| all | {len(results)} | {' | '.join(cells)} | {longest} |\n")
    for result in sorted(results, key=lambda result: sort_key(result.case_id)):
        if verdict(result) != "OK":
            close = result.behavior_close.value
            print(f"- {result.case_id} {result.behavior.value}, close {close}: "
                  f"{' '.join(result.result.split())} {' '.join(result.result_close.split())}")
    return bool(results) and not counts["FAILED"] and not counts["UNIMPLEMENTED"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    server = modes.add_parser("server", help="test a server")
    server.add_argument("url", help="where it echoes")
    server.add_argument("--ca", help="the authority of its certificate, for wss")
    client = modes.add_parser("client", help="test a client")
    client.add_argument("--cert", help="the runner's certificate, for wss")
    client.add_argument("--key", help="its key")
    client.add_argument("program", nargs="+", help="the client and its arguments, behind --")
    for mode in (server, client):
        mode.add_argument("--cases", action="append", help="an id or a pattern; all, if none")
        mode.add_argument("--exclude", action="append", help="an id or a pattern")
        mode.add_argument("--at-once", type=int, default=2, help="cases at the same time")
    return parser.parse_args()


def main():
    options = arguments()
    begun = time.monotonic()
    run = test_server if options.mode == "server" else test_client
    results = asyncio.run(run(options))
    passed = report(options, results, time.monotonic() - begun)
    sys.stdout.flush()
    # What is native in kosoku now and then aborts while the interpreter is taken down.
    os._exit(0 if passed else 1)


main()
