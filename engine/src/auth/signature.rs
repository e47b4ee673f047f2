//! Signatures of tokens, by the library that is under TLS anyway.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use skyring_protocols::jwt::{Material, Verifier};

/// Checks all four algorithms. Secrets are compared in constant time.
pub(super) struct Signatures;

impl Verifier for Signatures {
    fn verify(&self, key: &Material, message: &[u8], signature: &[u8]) -> bool {
        match key {
            Material::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::verify(&key, message, signature).is_ok()
            }
            Material::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Material::P256 { x, y } => {
                // A point that is not compressed (SEC 1, section 2.3.3).
                let point = [&[4][..], x, y].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            Material::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use skyring_protocols::jwt::{Jws, JwtError, KeySet, verify};

    use super::*;

    const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    /// Header, payload, signature and key of RFC 7515, appendices A.1 to A.3, and RFC 8037, appendix
    /// A.4.
    const EXAMPLES: [(&str, &str, &str, &str); 4] = [
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            CLAIMS,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
        ),
        (
            "eyJhbGciOiJSUzI1NiJ9",
            CLAIMS,
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            CLAIMS,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        ),
        (
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        ),
    ];

    fn judge(token: &str, key: &str) -> Result<(), JwtError> {
        let keys = KeySet::parse(format!(r#"{{"keys":[{key}]}}"#).as_bytes()).unwrap();
        assert_eq!(keys.len(), 1);
        verify(&Jws::parse(token.as_bytes())?, &keys, &Signatures)
    }

    #[test]
    fn the_examples_of_the_rfcs_are_genuine() {
        for (header, payload, signature, key) in EXAMPLES {
            assert_eq!(judge(&format!("{header}.{payload}.{signature}"), key), Ok(()), "{key}");
        }
    }

    #[test]
    fn a_changed_signature_or_message_is_refused() {
        for (header, payload, signature, key) in EXAMPLES {
            let other = if signature.starts_with('A') { "B" } else { "A" };
            let changed = format!("{header}.{payload}.{other}{}", &signature[1..]);
            assert_eq!(judge(&changed, key), Err(JwtError::Signature), "{key}");
            let changed = format!("{header}.{}.{signature}", &payload[4..]);
            assert_eq!(judge(&changed, key), Err(JwtError::Signature), "{key}");
            for short in ["", "AAAA", &signature[..signature.len() - 4 - signature.len() % 4]] {
                let cut = format!("{header}.{payload}.{short}");
                assert_eq!(judge(&cut, key), Err(JwtError::Signature), "{key} {short}");
            }
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_not_tried() {
        for (at, (header, payload, signature, _)) in EXAMPLES.into_iter().enumerate() {
            for (other, (.., key)) in EXAMPLES.into_iter().enumerate().filter(|it| it.0 != at) {
                let judged = judge(&format!("{header}.{payload}.{signature}"), key);
                assert_eq!(judged, Err(JwtError::UnknownKey), "{at} with {other}");
            }
        }
    }

    /// Bytes that stand for no point and no number of the right kind.
    #[test]
    fn keys_that_are_none_verify_nothing() {
        let keys = [
            Material::P256 { x: [0xff; 32], y: [0xff; 32] },
            Material::P256 { x: [0; 32], y: [0; 32] },
            Material::Ed25519([0xff; 32]),
            Material::Rsa { modulus: vec![0x80; 256], exponent: vec![3] },
            Material::Rsa { modulus: Vec::new(), exponent: Vec::new() },
        ];
        for (at, key) in keys.iter().enumerate() {
            for bytes in [0, 1, 63, 64, 256] {
                assert!(!Signatures.verify(key, b"message", &vec![0; bytes]), "{at} {bytes}");
            }
        }
    }
}
