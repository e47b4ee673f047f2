//! Vectors of RFC 4231 (HMAC), RFC 5869 (HKDF), RFC 7748 (X25519) and RFC 8032 (Ed25519).

use skyring_protocols::secure::{
    ExchangeKey, Key, SecureError, Signature, SigningKey, VerifyingKey, dhkeypair, hkdf_sha256,
    hmac_sha256,
};

use crate::fixed::{Fixed, hex};

fn array<const BYTES: usize>(digits: &str) -> [u8; BYTES] {
    hex(digits).try_into().unwrap()
}

/// RFC 4231, sections 4.2 to 4.8.
#[test]
fn hmac() {
    let hash_first = "Test Using Larger Than Block-Size Key - Hash Key First";
    let long = "This is a test using a larger than block-size key and a larger than block-size \
                data. The key needs to be hashed before being used by the HMAC algorithm.";
    let counting = "0102030405060708090a0b0c0d0e0f10111213141516171819";
    let cases = [
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            vec![0xaa; 20],
            vec![0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            hex(counting),
            vec![0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            vec![0xaa; 131],
            hash_first.as_bytes().to_vec(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            vec![0xaa; 131],
            long.as_bytes().to_vec(),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (key, text, wanted) in cases {
        let mac = hmac_sha256(&key, &text);
        assert_eq!(mac.as_bytes(), &array::<32>(wanted));
        assert!(mac.matches(&hex(wanted)));
        assert!(!mac.matches(&hex(wanted)[..31]) && !mac.matches(&[]), "a part is not enough");
    }
    // Case 5 is cut to 16 bytes there.
    let mac = hmac_sha256(&[0x0c; 20], b"Test With Truncation");
    assert_eq!(mac.as_bytes()[..16], hex("a3b6167473100ee06e0c796c2955552b"));
}

/// RFC 5869, appendices A.1 to A.3.
#[test]
fn hkdf() {
    let counting = |from: u8, to: u8| (from..=to).collect::<Vec<_>>();
    let basic: Key<42> = hkdf_sha256(&[0x0b; 22], &counting(0x00, 0x0c), &counting(0xf0, 0xf9));
    let wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf\
                  34007208d5b887185865";
    assert_eq!(basic.expose(), &array::<42>(wanted));
    let longer: Key<82> =
        hkdf_sha256(&counting(0x00, 0x4f), &counting(0x60, 0xaf), &counting(0xb0, 0xff));
    let wanted = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                  59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                  cc30c58179ec3e87c14c01d5c1f3434f1d87";
    assert_eq!(longer.expose(), &array::<82>(wanted));
    let empty: Key<42> = hkdf_sha256(&[0x0b; 22], &[], &[]);
    let wanted = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d\
                  9d201395faa4b61a96c8";
    assert_eq!(empty.expose(), &array::<42>(wanted));
}

/// RFC 7748, section 5.2: scalar, point and what comes out.
#[test]
fn x25519() {
    let cases = [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ];
    for (scalar, point, wanted) in cases {
        let secret = ExchangeKey::new(&array(scalar)).agree(&array(point)).unwrap();
        assert_eq!(secret.expose(), &array::<32>(wanted));
    }
}

/// RFC 7748, section 5.2: a scalar that becomes the result, again and again.
#[test]
fn x25519_a_thousand_times() {
    let (mut scalar, mut point) = ([0; 32], [0; 32]);
    (scalar[0], point[0]) = (9, 9);
    let once = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079";
    for round in 0..1000 {
        let secret = ExchangeKey::new(&scalar).agree(&point).unwrap();
        (scalar, point) = (*secret.expose(), scalar);
        if round == 0 {
            assert_eq!(scalar, array::<32>(once));
        }
    }
    let wanted = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
    assert_eq!(scalar, array::<32>(wanted));
}

/// RFC 7748, section 6.1.
#[test]
fn both_sides_agree() {
    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    let (alice, to_bob) = dhkeypair(&mut Fixed::new(&hex(alice)));
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let (bob, to_alice) = dhkeypair(&mut Fixed::new(&hex(bob)));
    let wanted = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    assert_eq!(to_bob, array(wanted));
    let wanted = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    assert_eq!(to_alice, array(wanted));
    let wanted = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    assert_eq!(alice.agree(&to_alice).unwrap().expose(), &array::<32>(wanted));
    assert_eq!(bob.agree(&to_bob).unwrap().expose(), &array::<32>(wanted));
}

/// RFC 7748, section 6.1: the points that make the secret zero, in every spelling there is.
#[test]
fn weak_public_values_are_refused() {
    let weak = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let key = ExchangeKey::new(&[7; 32]);
    for point in weak {
        let mut point: [u8; 32] = array(point);
        for top in [0, 0x80] {
            point[31] = (point[31] & 0x7f) | top;
            assert_eq!(key.agree(&point).unwrap_err(), SecureError::WeakPublicValue);
        }
    }
}

/// RFC 8032, section 7.1: seed, public key, text and signature.
const SIGNATURES: [(&str, &str, &str, &str); 4] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
         09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
];

#[test]
fn ed25519() {
    for (seed, public, text, signature) in SIGNATURES {
        let key = SigningKey::new(&array(seed));
        assert_eq!(key.public().to_bytes(), array(public));
        assert_eq!(key.sign(&hex(text)), array::<64>(signature));
        let public = VerifyingKey::new(&array(public)).unwrap();
        assert_eq!(public.verify(&hex(text), &array(signature)), Ok(()));
        assert_eq!(SigningKey::random(&mut Fixed::new(&hex(seed))).public(), public);
    }
}

/// RFC 8032, section 5.1.7: the second half of a signature is below the order of the group, so that
/// nobody makes a second signature of the first.
#[test]
fn a_signature_has_one_spelling() {
    let (_, public, text, signature) = SIGNATURES[1];
    let order: [u8; 32] = array("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut other: Signature = array(signature);
    let mut carry = 0;
    for (byte, add) in other[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let public = VerifyingKey::new(&array(public)).unwrap();
    assert_eq!(public.verify(&hex(text), &array(signature)), Ok(()));
    assert_eq!(public.verify(&hex(text), &other), Err(SecureError::Signature));
}

/// Points of small order, in every spelling, and what is no point or no canonical spelling of one.
#[test]
fn public_keys_that_are_none_are_refused() {
    let bad = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // 3 and 2^255 - 19 + 3: a point, and the same point in another spelling.
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // 2: no point.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ];
    for key in bad {
        assert_eq!(VerifyingKey::new(&array(key)), Err(SecureError::PublicKey), "{key}");
    }
    let mut three = [0; 32];
    three[0] = 3;
    assert!(VerifyingKey::new(&three).is_ok(), "the point that is misspelt above");
}
