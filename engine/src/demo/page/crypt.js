// The keys and the MACs of a login and of an attach (WIRE.md, crypt), as a browser can do them.
//
// Keys are arrays of eight bytes. Words are of 32 bits, the less significant byte first.

const PRIME = 2n ** 64n - 59n;
const GENERATOR = 5n;

const SHIFTS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];
const SINES = Array.from({ length: 64 }, (_, step) => Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32));

/** The bytes of a text. */
export function bytesOf(text) {
  return new TextEncoder().encode(text);
}

/** The text of bytes. */
export function textOf(bytes) {
  return new TextDecoder().decode(bytes);
}

/** Bytes, or a text's bytes, in base64. */
export function base64(bytes) {
  const given = typeof bytes === "string" ? bytesOf(bytes) : bytes;
  return btoa(String.fromCharCode(...given));
}

/** The bytes of a text in base64. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** A private key: any but zero. */
export function randomKey() {
  const key = crypto.getRandomValues(new Uint8Array(8));
  key[0] |= key.every((byte) => byte === 0) ? 1 : 0;
  return key;
}

function numberOf(key) {
  return new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0, true);
}

function keyOf(number) {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigUint64(0, number, true);
  return key;
}

function power(base, exponent) {
  let result = 1n;
  for (let square = base % PRIME; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) {
      result = (result * square) % PRIME;
    }
    square = (square * square) % PRIME;
  }
  return result;
}

/** The public value of a private key. */
export function publicValue(privateKey) {
  return keyOf(power(GENERATOR, numberOf(privateKey)));
}

/** What the peer's public value and the own private key agree on. */
export function sharedSecret(publicKey, privateKey) {
  return keyOf(power(numberOf(publicKey), numberOf(privateKey)));
}

function wordsOf(key) {
  const view = new DataView(key.buffer, key.byteOffset, 8);
  return [view.getUint32(0, true), view.getUint32(4, true)];
}

function keyOfWords(low, high) {
  const key = new Uint8Array(8);
  const view = new DataView(key.buffer);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
  return key;
}

/** Two running hashes of bytes, side by side. */
export function hashKey(bytes) {
  let [sum, shifted] = [5381, 1315423911];
  for (const byte of bytes) {
    sum = (Math.imul(sum, 33) + byte) >>> 0;
    shifted = (shifted ^ ((shifted << 5) + byte + (shifted >>> 2))) >>> 0;
  }
  return keyOfWords(sum, shifted);
}

function md5Steps(words) {
  let [a, b, c, d] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let step = 0; step < 64; step += 1) {
    const turn = step >> 4;
    const [mixed, at] = [
      [(b & c) | (~b & d), step],
      [(d & b) | (~d & c), 5 * step + 1],
      [b ^ c ^ d, 3 * step + 5],
      [c ^ (b | ~d), 7 * step],
    ][turn];
    const total = (a + mixed + SINES[step] + words[at & 15]) | 0;
    const shift = SHIFTS[turn][step & 3];
    [a, d, c, b] = [d, c, b, (b + ((total << shift) | (total >>> (32 - shift)))) | 0];
  }
  return [a, b, c, d];
}

/** The MAC of two keys: the steps of MD5, without what makes it MD5. */
export function hmac64(x, y) {
  const [[x0, x1], [y0, y1]] = [wordsOf(x), wordsOf(y)];
  const quarter = [x1, x0, y1, y0];
  const [a, b, c, d] = md5Steps([...quarter, ...quarter, ...quarter, ...quarter]);
  return keyOfWords(c ^ d, a ^ b);
}

/** The MAC of a text under a key. */
export function hmacHash(key, text) {
  return hmac64(hashKey(bytesOf(text)), key);
}
