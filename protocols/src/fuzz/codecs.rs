//! Frames, lines and the crypt library.

use super::draw::Draw;
use crate::Decode;
use crate::crypt::{
    Key64, Padding, base64decode, base64decode_canonical, base64encode, desdecode, desencode,
    dhexchange, dhsecret, hashkey, hexdecode, hexencode, hmac_hash, hmac_sha1, hmac64, hmac64_md5,
    proof_matches, sha1, xor_str,
};
use crate::{frame as frames, line as lines};

/// Cuts the bytes into frames, whole and in pieces: the same frames, and written again the same bytes.
pub fn frame(data: &[u8]) {
    let mut draw = Draw::new(data);
    let piece_bytes = 1 + draw.below(7);
    let stream = draw.all();
    let whole = cut(stream, frames::decode);
    assert_eq!(whole, in_pieces(stream, piece_bytes, frames::decode), "cut elsewhere");
    let mut written = Vec::new();
    for payload in &whole {
        frames::encode(payload, &mut written).expect("it came in a frame");
    }
    assert!(stream.starts_with(&written), "frames are read in order and whole");
    if let Decode::NeedMore { at_least } = frames::decode(&stream[written.len()..]) {
        assert!(at_least > 0, "as much is there");
    }
}

/// As [`frame`], of lines.
pub fn line(data: &[u8]) {
    let mut draw = Draw::new(data);
    let piece_bytes = 1 + draw.below(7);
    let stream = draw.all();
    let whole = cut(stream, lines::decode);
    assert_eq!(whole, in_pieces(stream, piece_bytes, lines::decode), "cut elsewhere");
    let mut written = Vec::new();
    whole.iter().for_each(|text| lines::encode(text, &mut written));
    assert!(stream.starts_with(&written), "lines are read in order and whole");
    assert!(!stream[written.len()..].contains(&b'\n'), "a line was left");
}

/// What a codec finds in a stream.
fn cut(mut stream: &[u8], decode: fn(&[u8]) -> Decode<&[u8]>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Decode::Done { value, consumed } = decode(stream) {
        assert!(consumed > 0 && value.len() <= consumed && consumed <= stream.len());
        found.push(value.to_vec());
        stream = &stream[consumed..];
    }
    found
}

/// As [`cut`], of a stream that comes in pieces and is taken as soon as it can be.
fn in_pieces(
    stream: &[u8],
    piece_bytes: usize,
    decode: fn(&[u8]) -> Decode<&[u8]>,
) -> Vec<Vec<u8>> {
    let (mut unread, mut found) = (Vec::new(), Vec::new());
    for piece in stream.chunks(piece_bytes) {
        unread.extend_from_slice(piece);
        while let Decode::Done { value, consumed } = decode(&unread) {
            found.push(value.to_vec());
            unread.drain(..consumed);
        }
    }
    found
}

/// Reads the bytes as base64 and hexadecimal, and writes them so. The canonical reader reads what is
/// written and nothing else; where it reads, the lenient one reads the same.
pub fn base64(data: &[u8]) {
    let written = base64encode(data);
    assert_eq!(base64decode_canonical(written.as_bytes()).as_deref(), Ok(data));
    assert_eq!(base64decode(written.as_bytes()).as_deref(), Ok(data));
    if let Ok(read) = base64decode_canonical(data) {
        assert_eq!(base64encode(&read).as_bytes(), data, "one spelling");
        assert_eq!(base64decode(data), Ok(read));
    }
    if let Ok(read) = base64decode(data) {
        assert!(read.len() <= data.len());
    }
    let written = hexencode(data);
    assert_eq!(hexdecode(written.as_bytes()).as_deref(), Ok(data));
    if let Ok(read) = hexdecode(data) {
        assert_eq!(hexencode(&read), String::from_utf8_lossy(data).to_lowercase());
    }
}

/// Every function of the crypt library, of any keys and texts: none panics, what is encrypted is read
/// again, two sides agree on a secret.
pub fn crypt(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut key = || -> Key64 { std::array::from_fn(|_| draw.byte()) };
    let (one, two) = (key(), key());
    let text = draw.all();
    for padding in [Padding::Iso7816, Padding::Pkcs7] {
        let encrypted = desencode(&one, text, padding);
        assert_eq!(desdecode(&one, &encrypted, padding).as_deref(), Ok(text));
        if let Ok(read) = desdecode(&one, text, padding) {
            assert!(read.len() < text.len());
        }
    }
    if let (Ok(public_one), Ok(public_two)) = (dhexchange(&one), dhexchange(&two)) {
        let agreed = dhsecret(&public_two, &one);
        assert_eq!(agreed, dhsecret(&public_one, &two), "both have it");
    }
    let proofs = [hmac64(&one, &two), hmac64_md5(&one, &two), hmac_hash(&one, text), hashkey(text)];
    assert!(proofs.iter().all(|proof| proof_matches(proof, proof)));
    assert!(proofs.iter().all(|proof| !proof_matches(proof, &proof[..7])));
    assert_eq!(hmac_sha1(&one, text).len(), sha1(text).len());
    if let Ok(masked) = xor_str(text, &one) {
        assert_eq!(xor_str(&masked, &one).as_deref(), Ok(text));
    }
}
