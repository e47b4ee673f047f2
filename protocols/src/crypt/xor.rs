//! `xor_str`: data xor a repeated key (WIRE C16). It hides text from a glance, not from a reader.

use super::CryptError;

/// Every byte of `data` xor the byte of `key` at the same place, the key starting over as often as
/// needed (WIRE C16). The same call undoes it.
///
/// # Errors
/// [`CryptError::XorKeyEmpty`] for an empty key, even when there is no data.
pub fn xor_str(data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptError> {
    if key.is_empty() {
        return Err(CryptError::XorKeyEmpty);
    }
    Ok(data.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_key_is_refused_even_without_data() {
        assert_eq!(xor_str(b"", b""), Err(CryptError::XorKeyEmpty));
        assert_eq!(xor_str(b"", b"k"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn twice_is_nothing(data: Vec<u8>, key in prop::collection::vec(any::<u8>(), 1..20)) {
            let once = xor_str(&data, &key).unwrap();
            prop_assert_eq!(xor_str(&once, &key), Ok(data));
        }
    }
}
