//! Tokens made by the RFCs and by hand.

mod judging;
mod keeping;
mod parsing;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Jws, JwtError, KeySet, Material, Verifier, verify};

/// The two algorithms whose cryptography this crate has anyway.
struct Known;

impl Verifier for Known {
    fn verify(&self, key: &Material, message: &[u8], signature: &[u8]) -> bool {
        match key {
            Material::Secret(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.chain_update(message).verify_slice(signature).is_ok()
            }
            Material::Ed25519(key) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
                let Ok(signature) = signature.try_into() else { return false };
                key.verify_strict(message, &signature).is_ok()
            }
            Material::Rsa { .. } | Material::P256 { .. } => panic!("no such key is in these tests"),
        }
    }
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of this header and payload, signed with this secret whatever the header says.
fn token(header: &str, payload: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&message);
    format!("{message}.{}", base64url(mac.finalize().into_bytes()))
}

fn judge(token: &str, keys: &str) -> Result<(), JwtError> {
    verify(&Jws::parse(token.as_bytes())?, &KeySet::parse(keys.as_bytes())?, &Known)
}

/// RFC 7515, appendix A.1.
const A1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
    .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
    .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const A1_KEYS: &str = r#"{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}"#;

/// RFC 8037, appendix A.4.
const ED25519: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc\
    .hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const ED25519_KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
