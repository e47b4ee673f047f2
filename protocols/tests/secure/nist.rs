//! Vectors of NIST: AES-CBC of SP 800-38A, appendix F.2; AES-GCM of the CAVP files
//! `gcmEncryptExtIV128.rsp` and `gcmEncryptExtIV256.rsp`, and of the specification that was submitted to
//! NIST (McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B).

use skyring_protocols::secure::{
    CbcKey, GcmKey, NONCE_BYTES, SecureError, aesdecode, aesdecode_cbc, aesencode, aesencode_cbc,
};

use crate::fixed::{Fixed, hex};

/// The four blocks of text of SP 800-38A.
const TEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                    30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

const IV: &str = "000102030405060708090a0b0c0d0e0f";

/// F.2.1 and F.2.2, F.2.5 and F.2.6: key and encrypted blocks.
const CBC: [(&str, &str); 2] = [
    (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
         73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
    ),
    (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
         39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
    ),
];

struct Gcm {
    name: &'static str,
    key: &'static str,
    nonce: &'static str,
    text: &'static str,
    associated: &'static str,
    /// And the tag.
    encrypted: &'static str,
}

const GCM: &[Gcm] = &[
    Gcm {
        name: "gcmEncryptExtIV128, 0 bytes of text and of data",
        key: "11754cd72aec309bf52f7687212e8957",
        nonce: "3c819d9a9bed087615030b65",
        text: "",
        associated: "",
        encrypted: "250327c674aaf477aef2675748cf6971",
    },
    Gcm {
        name: "gcmEncryptExtIV128, 16 bytes of data",
        key: "77be63708971c4e240d1cb79e8d77feb",
        nonce: "e0e00f19fed7ba0136a797f3",
        text: "",
        associated: "7a43ec1d9c0a5a78a0b16533a6213cab",
        encrypted: "209fcc8d3675ed938e9c7166709dd946",
    },
    Gcm {
        name: "gcmEncryptExtIV128, 16 bytes of text",
        key: "7fddb57453c241d03efbed3ac44e371c",
        nonce: "ee283a3fc75575e33efd4887",
        text: "d5de42b461646c255c87bd2962d3b9a2",
        associated: "",
        encrypted: "2ccda4a5415cb91e135c2a0f78c9b2fdb36d1df9b9d5e596f83e8b7f52971cb3",
    },
    Gcm {
        name: "gcmEncryptExtIV256, 0 bytes of text and of data",
        key: "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
        nonce: "516c33929df5a3284ff463d7",
        text: "",
        associated: "",
        encrypted: "bdc1ac884d332457a1d2664f168c76f0",
    },
    Gcm {
        name: "gcmEncryptExtIV256, 16 bytes of text",
        key: "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
        nonce: "0d18e06c7c725ac9e362e1ce",
        text: "2db5168e932556f8089a0622981d017d",
        associated: "",
        encrypted: "fa4362189661d163fcd6a56d8bf0405ad636ac1bbedd5cc3ee727dc2ab4a9489",
    },
    Gcm {
        name: "case 3",
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        text: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953\
         2fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        associated: "",
        encrypted: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c\
         7d8f6a5aac84aa051ba30b396a0aac973d58e091473f59854d5c2af327cd64a62cf35abd2ba6fab4",
    },
    Gcm {
        name: "case 4",
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        text: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953\
         2fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        encrypted: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c\
         7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
    },
    Gcm {
        name: "case 1",
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        text: "",
        associated: "",
        encrypted: "58e2fccefa7e3061367f1d57a4e7455a",
    },
    Gcm {
        name: "case 2",
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        text: "00000000000000000000000000000000",
        associated: "",
        encrypted: "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
    },
    Gcm {
        name: "case 13",
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        text: "",
        associated: "",
        encrypted: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    Gcm {
        name: "case 14",
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        text: "00000000000000000000000000000000",
        associated: "",
        encrypted: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    },
    Gcm {
        name: "case 15",
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        text: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953\
         2fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        associated: "",
        encrypted: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d\
         a7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
    },
    Gcm {
        name: "case 16",
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        text: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953\
         2fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        encrypted: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d\
         a7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    },
];

/// The vectors are whole blocks without padding; ours has a block of padding behind them.
#[test]
fn cbc_of_sp_800_38a() {
    let iv = hex(IV).try_into().unwrap();
    for (key, encrypted) in CBC {
        let key = CbcKey::new(&hex(key)).unwrap();
        let message = aesencode_cbc(&key, &iv, &hex(TEXT));
        assert_eq!(message.len(), 80);
        assert_eq!(message[..64], hex(encrypted));
        assert_eq!(aesdecode_cbc(&key, &iv, &message).unwrap(), hex(TEXT));
        let unpadded = aesdecode_cbc(&key, &iv, &hex(encrypted));
        assert_eq!(unpadded, Err(SecureError::Undecipherable), "0x10 is no padding of its block");
    }
}

#[test]
fn gcm_of_cavp_and_the_specification() {
    for case in GCM {
        let key = GcmKey::new(&hex(case.key)).unwrap();
        let (text, associated) = (hex(case.text), hex(case.associated));
        let mut random = Fixed::new(&hex(case.nonce));
        let message = aesencode(&key, &text, &associated, &mut random).unwrap();
        assert_eq!(message[..NONCE_BYTES], hex(case.nonce), "{}", case.name);
        assert_eq!(message[NONCE_BYTES..], hex(case.encrypted), "{}", case.name);
        assert_eq!(aesdecode(&key, &message, &associated).unwrap(), text, "{}", case.name);
    }
}
