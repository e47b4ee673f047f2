//! The keys that tokens may be signed with (RFC 7517).
//!
//! A key fixes its algorithm: a token names one too, and only keys of that one are tried. Keys of
//! other kinds, uses and curves are skipped, because an issuer may publish keys for others. A key of a
//! kind that is spoken here and that is broken (a weak secret, a short modulus) is skipped too:
//! one bad key must not take the good ones along.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::json;
use super::jws::base64url;
use super::{Algorithm, Jws, JwtError, KEY_SET_BYTES_MAX, KEYS_MAX, SECRET_BYTES_MIN, TRIED_MAX};

/// Bytes of an RSA modulus, at least: 2048 bits (RFC 7518, section 3.3).
const MODULUS_BYTES_MIN: usize = 256;

/// Bytes of an RSA modulus, at most: a larger one makes checking dear.
const MODULUS_BYTES_MAX: usize = 1024;

/// Bytes of an RSA exponent, at most. The usual one, 65537, is three.
const EXPONENT_BYTES_MAX: usize = 5;

/// A key with its name. Not `Debug`: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name (`kid`). One without a name may have signed any token.
    pub id: Option<String>,
    /// The key itself.
    pub material: Material,
}

/// What signatures are checked with. Each kind is of one algorithm.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// The secret of [`Algorithm::Hs256`], at least [`SECRET_BYTES_MIN`] bytes.
    Secret(Zeroizing<Vec<u8>>),
    /// The public key of [`Algorithm::Rs256`]: two unsigned numbers, big end first, without leading
    /// zeros.
    Rsa {
        /// The modulus, from 2048 to 8192 bits.
        modulus: Vec<u8>,
        /// The exponent, odd and above 1.
        exponent: Vec<u8>,
    },
    /// The public key of [`Algorithm::Es256`], a point of P-256 that has not been looked at.
    P256 {
        /// Its first coordinate.
        x: [u8; 32],
        /// Its second coordinate.
        y: [u8; 32],
    },
    /// The public key of [`Algorithm::EdDsa`], not looked at.
    Ed25519([u8; 32]),
}

impl Material {
    /// The algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Material::Secret(_) => Algorithm::Hs256,
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256 { .. } => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }
}

/// A set of keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl std::fmt::Debug for KeySet {
    /// Only how many there are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySet({} keys)", self.keys.len())
    }
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517, section 5). The set may turn out empty.
    ///
    /// # Errors
    /// Where the set as a whole is none: too long, not JSON, too many keys, no list of keys.
    pub fn parse(text: &[u8]) -> Result<KeySet, JwtError> {
        if text.len() > KEY_SET_BYTES_MAX {
            return Err(JwtError::TooLong { bytes: text.len(), bytes_max: KEY_SET_BYTES_MAX });
        }
        let set = json::object(text)?;
        let Some(Value::Array(list)) = set.get("keys") else {
            return Err(JwtError::WrongType("keys"));
        };
        if list.len() > KEYS_MAX {
            return Err(JwtError::TooManyKeys(KEYS_MAX));
        }
        let keys = list.iter().filter_map(Value::as_object).filter_map(key).collect();
        Ok(KeySet { keys })
    }

    /// A set of one shared secret. `None`: it is shorter than [`SECRET_BYTES_MIN`].
    pub fn of_secret(secret: Zeroizing<Vec<u8>>) -> Option<KeySet> {
        let material = Material::Secret(secret);
        usable(&material).then(|| KeySet { keys: vec![Key { id: None, material }] })
    }

    /// The same without shared secrets: what is published for everybody to read is none.
    #[must_use]
    pub fn without_secrets(mut self) -> KeySet {
        self.keys.retain(|key| key.material.algorithm() != Algorithm::Hs256);
        self
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Those that may have signed this token: of its algorithm, and of its key's name where both have
    /// one. Those that do come first. At most [`TRIED_MAX`].
    pub fn candidates<'a>(&'a self, jws: &'a Jws<'_>) -> impl Iterator<Item = &'a Key> {
        let of_name = |key: &&Key| key.id.is_some() && key.id.as_deref() == jws.key_id();
        let may_be = |key: &&Key| key.id.is_none() || jws.key_id().is_none();
        let same = |key: &&Key| key.material.algorithm() == jws.algorithm();
        let keys = || self.keys.iter().filter(same);
        keys().filter(of_name).chain(keys().filter(may_be)).take(TRIED_MAX)
    }
}

/// The key of an entry. `None`: it is not one for this.
fn key(entry: &Map<String, Value>) -> Option<Key> {
    if json::text(entry, "use").ok()?.is_some_and(|usage| usage != "sig") {
        return None;
    }
    if let Some(operations) = entry.get("key_ops")
        && !operations.as_array()?.iter().any(|operation| operation == "verify")
    {
        return None;
    }
    let material = material(entry)?;
    let algorithm = json::text(entry, "alg").ok()?;
    if algorithm.is_some_and(|name| name != material.algorithm().name()) {
        return None;
    }
    let id = json::text(entry, "kid").ok()?.map(str::to_owned);
    usable(&material).then_some(Key { id, material })
}

fn material(entry: &Map<String, Value>) -> Option<Material> {
    let bytes = |name| base64url(json::text(entry, name).ok()??.as_bytes()).ok();
    let coordinate = |name| bytes(name)?.try_into().ok();
    let curve = json::text(entry, "crv").ok()?;
    match (json::text(entry, "kty").ok()??, curve) {
        ("oct", None) => Some(Material::Secret(Zeroizing::new(bytes("k")?))),
        ("RSA", None) => {
            Some(Material::Rsa { modulus: number(bytes("n")?), exponent: number(bytes("e")?) })
        }
        ("EC", Some("P-256")) => Some(Material::P256 { x: coordinate("x")?, y: coordinate("y")? }),
        ("OKP", Some("Ed25519")) => Some(Material::Ed25519(coordinate("x")?)),
        _ => None,
    }
}

/// A number without its leading zeros.
fn number(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|&byte| byte == 0).collect()
}

/// Whether a key is of a strength that its algorithm may be used with.
fn usable(material: &Material) -> bool {
    match material {
        Material::Secret(secret) => secret.len() >= SECRET_BYTES_MIN,
        Material::Rsa { modulus, exponent } => {
            let odd = exponent.last().is_some_and(|last| last % 2 == 1);
            (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&modulus.len())
                && (modulus.len() > MODULUS_BYTES_MIN || modulus[0] >= 0x80)
                && exponent.len() <= EXPONENT_BYTES_MAX
                && odd
                && exponent[..] != [1]
        }
        Material::P256 { .. } | Material::Ed25519(_) => true,
    }
}
