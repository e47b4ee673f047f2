// DES in ECB mode with ISO 7816-4 padding, for the token of a login (WIRE.md, crypt).
//
// Straight from FIPS 46-3, bit by bit: a token is a few blocks, once a login. Bits are numbered from
// 1 at the front, as in the standard, and a block is an array of 64 of them.

const BLOCK_BYTES = 8;

const INITIAL = [
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4,
  62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
  57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3,
  61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];
const FINAL = INITIAL.map((_, index) => INITIAL.indexOf(index + 1) + 1);
const EXPANSION = [
  32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17,
  16, 17, 18, 19, 20, 21, 20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];
const MIXING = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
  2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];
const KEY_BITS = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const ROUND_KEY_BITS = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
  41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
// Four rows of sixteen values in each box, in hexadecimal.
const BOXES = [
  "e4d12fb83a6c5907" + "0f74e2d1a6cb9538" + "41e8d62bfc973a50" + "fc8249175b3ea06d",
  "f18e6b34972dc05a" + "3d47f28ec01a69b5" + "0e7ba4d158c6932f" + "d8a13f42b67c05e9",
  "a09e63f51dc7b428" + "d709346a285ecbf1" + "d6498f30b12c5ae7" + "1ad069874fe3b52c",
  "7de3069a1285bc4f" + "d8b56f03472c1ae9" + "a690cb7df13e5284" + "3f06a1d8945bc72e",
  "2c417ab6853fd0e9" + "eb2c47d150fa3986" + "421bad78f9c5630e" + "b8c71e2d6f09a453",
  "c1af92680d34e75b" + "af427c9561de0b38" + "9ef528c3704a1db6" + "432c95fabe17608d",
  "4b2ef08d3c975a61" + "d0b7491ae35c2f86" + "14bdc37eaf680592" + "6bd814a7950fe23c",
  "d2846fb1a93e50c7" + "1fd8a374c56b0e92" + "7b419ce206adf358" + "21e74a8dfc90356b",
].map((rows) => [...rows].map((digit) => parseInt(digit, 16)));

function pick(bits, positions) {
  return positions.map((position) => bits[position - 1]);
}

function bitsOf(bytes) {
  return [...bytes].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((shift) => (byte >> shift) & 1));
}

function bytesOf(bits) {
  const bytes = new Uint8Array(bits.length / 8);
  bits.forEach((bit, index) => {
    bytes[index >> 3] |= bit << (7 - (index & 7));
  });
  return bytes;
}

function exclusiveOr(left, right) {
  return left.map((bit, index) => bit ^ right[index]);
}

function roundKeys(key) {
  const bits = pick(bitsOf(key), KEY_BITS);
  let [left, right] = [bits.slice(0, 28), bits.slice(28)];
  return SHIFTS.map((shift) => {
    left = [...left.slice(shift), ...left.slice(0, shift)];
    right = [...right.slice(shift), ...right.slice(0, shift)];
    return pick([...left, ...right], ROUND_KEY_BITS);
  });
}

function mix(half, roundKey) {
  const mixed = exclusiveOr(pick(half, EXPANSION), roundKey);
  const out = BOXES.flatMap((box, index) => {
    const [a, b, c, d, e, f] = mixed.slice(6 * index);
    const value = box[16 * (2 * a + f) + (8 * b + 4 * c + 2 * d + e)];
    return [3, 2, 1, 0].map((shift) => (value >> shift) & 1);
  });
  return pick(out, MIXING);
}

function encodeBlock(block, keys) {
  const bits = pick(bitsOf(block), INITIAL);
  let [left, right] = [bits.slice(0, 32), bits.slice(32)];
  for (const key of keys) {
    [left, right] = [right, exclusiveOr(left, mix(right, key))];
  }
  return bytesOf(pick([...right, ...left], FINAL));
}

/** Encrypts bytes under a key of eight bytes; the result is whole blocks, one more than a full one. */
export function desEncode(key, text) {
  const padded = new Uint8Array((Math.floor(text.length / BLOCK_BYTES) + 1) * BLOCK_BYTES);
  padded.set(text);
  padded[text.length] = 0x80;
  const keys = roundKeys(key);
  const out = new Uint8Array(padded.length);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    out.set(encodeBlock(padded.subarray(at, at + BLOCK_BYTES), keys), at);
  }
  return out;
}
