"""DES in its plainest form, bit by bit, written from FIPS 46-3: slow, short, and nobody else's."""

INITIAL = [column - 8 * row for column in (58, 60, 62, 64, 57, 59, 61, 63) for row in range(8)]
FINAL = [INITIAL.index(bit) + 1 for bit in range(1, 65)]
EXPANSION = [(4 * row + column - 1) % 32 + 1 for row in range(8) for column in range(6)]
PERMUTATION = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
               2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25]
KEY_CHOICE = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18,
              10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
              63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22,
              14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4]
ROUND_CHOICE = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10,
                23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
                41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48,
                44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
ROTATIONS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
# A box a line, its four rows of sixteen values as hexadecimal digits.
BOXES = [[[int(digit, 16) for digit in row] for row in box.split()] for box in """
e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d
f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9
a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c
7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e
2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453
c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d
4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c
d2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b
""".strip().splitlines()]


def pick(bits, places):
    return [bits[place - 1] for place in places]


def exclusive_or(one, other):
    return [a ^ b for a, b in zip(one, other)]


def to_bits(data):
    return [byte >> (7 - at) & 1 for byte in data for at in range(8)]


def to_bytes(bits):
    text = "".join(map(str, bits))
    return int(text, 2).to_bytes(len(bits) // 8, "big")


def round_keys(key):
    bits = pick(to_bits(key), KEY_CHOICE)
    left, right = bits[:28], bits[28:]
    keys = []
    for count in ROTATIONS:
        left, right = left[count:] + left[:count], right[count:] + right[:count]
        keys.append(pick(left + right, ROUND_CHOICE))
    return keys


def mix(half, key):
    bits = exclusive_or(pick(half, EXPANSION), key)
    out = []
    for at, box in enumerate(BOXES):
        six = bits[6 * at:6 * at + 6]
        row, column = 2 * six[0] + six[5], 8 * six[1] + 4 * six[2] + 2 * six[3] + six[4]
        out += [box[row][column] >> (3 - place) & 1 for place in range(4)]
    return pick(out, PERMUTATION)


def encrypt_block(keys, block):
    bits = pick(to_bits(block), INITIAL)
    left, right = bits[:32], bits[32:]
    for key in keys:
        left, right = right, exclusive_or(left, mix(right, key))
    return to_bytes(pick(right + left, FINAL))


def encrypt(key, text):
    """ECB, padded with 0x80 and zeros: what the login token is sent in."""
    padded = text + b"\x80" + bytes(-(len(text) + 1) % 8)
    keys = round_keys(key)
    blocks = [padded[at:at + 8] for at in range(0, len(padded), 8)]
    return b"".join(encrypt_block(keys, block) for block in blocks)
