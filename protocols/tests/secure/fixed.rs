//! A generator that gives the bytes that a vector names.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Gives these bytes, over and over.
pub(crate) struct Fixed(std::iter::Cycle<std::vec::IntoIter<u8>>);

impl Fixed {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        assert!(!bytes.is_empty());
        Self(Vec::from(bytes).into_iter().cycle())
    }

    fn array<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes.fill_with(|| self.0.next().unwrap());
        bytes
    }
}

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| self.0.next().unwrap());
        Ok(())
    }
}

/// For tests.
impl TryCryptoRng for Fixed {}

/// The bytes of hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    skyring_protocols::crypt::hexdecode(digits.as_bytes()).unwrap()
}
