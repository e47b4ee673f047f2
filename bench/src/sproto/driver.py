"""pysproto beside ours: the same messages, as dictionaries.

    driver.py DIRECTORY MESSAGE OPERATION REPETITIONS

DIRECTORY is as for shim.c, and so is what is written.
"""

import sys
import time

import pysproto

TYPES = {"move": "Move", "chat": "Chat", "sheet": "Sheet", "update": "Update"}


def load(directory, name):
    with open(f"{directory}/{name}", "rb") as file:
        return file.read()


def main():
    directory, name, operation, repetitions = sys.argv[1:]
    schema = pysproto.sproto_create(load(directory, "schema"))
    kind = pysproto.sproto_type(schema, TYPES[name])
    encoded, packed = load(directory, name), load(directory, name + ".packed")
    value, consumed = pysproto.sproto_decode(kind, encoded)
    assert consumed == len(encoded)
    assert pysproto.sproto_encode(kind, value) == encoded
    assert pysproto.sproto_pack(encoded) == packed
    assert pysproto.sproto_unpack(packed)[: len(encoded)] == encoded
    once, given, size = {
        "encode": (lambda it: pysproto.sproto_encode(kind, it), value, len(encoded)),
        "decode": (lambda it: pysproto.sproto_decode(kind, it), encoded, len(encoded)),
        "pack": (pysproto.sproto_pack, encoded, len(packed)),
        "unpack": (pysproto.sproto_unpack, packed, len(packed)),
    }[operation]
    repetitions = int(repetitions)
    for _ in range(repetitions // 8 + 1):
        expected = once(given)
    before = time.thread_time_ns()
    for _ in range(repetitions):
        result = once(given)
    after = time.thread_time_ns()
    assert result == expected
    print(after - before, size)


main()
