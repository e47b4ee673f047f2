"""Makes every line and every frame of protocols/tests/vectors/v2 again, from what they began with.

Called with the file; ends with status 0 if each is the same byte for byte, and prints how many.
"""

import json
import sys

import v2


def expect(name, actual, expected):
    if actual != expected:
        raise AssertionError(f"{name}: expected {expected!r}, got {actual!r}")


def check_login(case):
    """Both sides of a login (WIRE V3 to V8); how many lines there were."""
    held = {name: bytes.fromhex(case[name]) for name in (
        "challenge", "client_private", "identity_public", "identity_seed", "server_private",
        "session_key", "token")}
    lines = [line.encode() for line in case["lines"]]
    expect("identity", v2.identity_public(held["identity_seed"]), held["identity_public"])
    server = v2.LoginServer(held["identity_seed"], held["challenge"], held["server_private"])
    client = v2.LoginClient([held["identity_public"]], held["client_private"])
    expect("line 1", server.line1, lines[0])
    expect("line 2", client.on_line1(lines[0]), lines[1])
    expect("line 3", server.on_line2(lines[1]), lines[2])
    expect("line 4", client.on_line3(lines[2], held["token"]), lines[3])
    expect("token", server.on_line4(lines[3]), held["token"])
    result = client.on_line5(lines[4])
    expect("code", int(result.split(b" ", 1)[0]), case["result_code"])
    expect("line 5", server.line5(result), lines[4])
    expect("the server's key", server.keys.session_key, held["session_key"])
    expect("the client's key", client.keys.session_key, held["session_key"])
    return len(lines)


def check_attaches(cases):
    """One session's attaches, one after another (WIRE V11 to V16); how many frames there were."""
    username = cases[0]["username"].encode()
    key = bytes.fromhex(cases[0]["key"])
    sessions = {username: v2.Session(key)}
    for case in cases:
        frames = [frame.encode() for frame in case["frames"]]
        expect("username", case["username"].encode(), username)
        expect("key", bytes.fromhex(case["key"]), key)
        client = v2.AttachClient(username, case["index"], key, bytes.fromhex(case["client_nonce"]))
        server = v2.AttachServer(sessions, bytes.fromhex(case["server_nonce"]))
        expect("frame 1", client.frame1, frames[0])
        expect("frame 2", server.on_frame1(frames[0]), frames[1])
        expect("frame 3", client.on_frame2(frames[1]), frames[2])
        expect("frame 4", server.on_frame3(frames[2]), frames[3])
        next_key = client.on_frame4(frames[3])
        expect("next key", next_key, bytes.fromhex(case["next_key"]))
        expect("the server's next key", sessions[username].key, next_key)
        if not case["answer_lost"]:
            key = next_key
    return 4 * len(cases)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    expect("kinds", sorted(vectors), ["attaches", "logins"])
    lines = sum(check_login(case) for case in vectors["logins"])
    frames = check_attaches(vectors["attaches"])
    print(f"{lines} lines and {frames} frames are the same")


if __name__ == "__main__":
    main()
