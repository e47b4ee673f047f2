"""The Autobahn cases against a server or a client, and what came of them as a table.

    autobahn.py server ws://127.0.0.1:8080/ws
    autobahn.py client -- skyring ws --echo

Cases and runner are those of the package `kosoku`, which also speaks to clients with `websockets`.
A client is started once a case, with the URL behind its arguments; it is to end with 0 if it closed
with 1000, 1001 or no code, and otherwise with 1. Ends with 1 if a case failed, was
not run, or not to its end, or if what it is about is not implemented.
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

# Longer than any case may take, and than all of them may, in seconds.
PATIENCE = 120
PATIENCE_ALL = 45 * 60

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


async def count_cases(port):
    """How many cases are selected, as the runner that serves them says."""
    async with websockets.connect(f"ws://127.0.0.1:{port}/getCaseCount") as socket:
        return int(await socket.recv())


async def test_server(options):
    """All cases against the server at a URL; their results, and what is wrong beside."""
    url = urllib.parse.urlsplit(options.url)
    async with contextlib.AsyncExitStack() as stack:
        target = options.url
        if url.scheme == "wss":
            connects = ssl.create_default_context(cafile=options.ca)
            port = await stack.enter_async_context(relay(url.hostname, url.port, None, connects))
            target = url._replace(scheme="ws", netloc=f"127.0.0.1:{port}").geturl()
        # Only asked how many there are: what tests servers does not say it.
        server = kosoku.run_fuzzingserver(options.cases, options.exclude, host="127.0.0.1", port=0)
        async with server:
            count = await count_cases(server.port)
        run = kosoku.run_fuzzingclient(
            target, options.cases, options.exclude, concurrency=options.at_once
        )
        results = await outcome(run)
        return results, missing(count, results)


async def test_client(options):
    """All cases against a program, which is given a URL to echo to; as `test_server`."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            kosoku.run_fuzzingserver(options.cases, options.exclude, host="127.0.0.1", port=0)
        )
        base = f"ws://127.0.0.1:{server.port}"
        if options.cert:
            accepts = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            accepts.load_cert_chain(options.cert, options.key)
            port = await stack.enter_async_context(relay("127.0.0.1", server.port, accepts))
            base = f"wss://localhost:{port}"
        count = await count_cases(server.port)
        turns = asyncio.Semaphore(options.at_once)

        async def run(case):
            async with turns:
                return await run_program(
                    [*options.program, f"{base}/runCase?case={case}&agent=skyring"]
                )

        ends = await asyncio.gather(*map(run, range(1, count + 1)))
        with contextlib.suppress(websockets.ConnectionClosed):
            url = f"ws://127.0.0.1:{server.port}/updateReports?agent=skyring"
            async with websockets.connect(url) as socket:
                await socket.wait_closed()
        results = await outcome(server.get_result())
        wrong = [f"case number {case} has no end" for case, end in enumerate(ends, 1) if end is None]
        for result in results:
            end = ends[result.case_index - 1]
            due = 0 if result.remote_close_code in (None, 1000, 1001) else 1
            if end not in (None, due):
                wrong.append(f"{result.case_id}: the client ends with {end} instead of {due}")
        return results, missing(count, results) + wrong


async def run_program(command):
    """Runs the client for one case; its exit status, None if it has no end."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        return await asyncio.wait_for(process.wait(), PATIENCE)
    except asyncio.TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def missing(count, results):
    """Complains of cases that are selected and have no result."""
    found = len({result.case_id for result in results})
    return [] if found == count else [f"{count} cases are selected, {found} have a result"]


async def outcome(run):
    """The results of a run, whether or not all cases have passed."""
    try:
        return list(await run)
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


def report(options, results, wrong, seconds):
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
    for complaint in wrong:
        print(f"- {complaint}")
    fails = counts["FAILED"] or counts["UNIMPLEMENTED"]
    return bool(results) and not fails and not wrong


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
    results, wrong = asyncio.run(asyncio.wait_for(run(options), PATIENCE_ALL))
    passed = report(options, results, wrong, time.monotonic() - begun)
    sys.stdout.flush()
    # What is native in kosoku now and then aborts while the interpreter is taken down.
    os._exit(0 if passed else 1)


main()
