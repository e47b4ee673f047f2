//! The generator: what is committed in `generated` is what it writes, so that a change of it shows as
//! changed lines there.
//!
//! `SKYRING_GENERATED=write cargo test -p skyring-protocols --test codegen` accepts what it writes
//! now.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use skyring_protocols::sproto::Schema;
use skyring_protocols::sproto::codegen::{Options, generate};

/// Schemas beside this file, and how each is generated.
fn sources() -> [(&'static str, Options); 8] {
    let plain = Options::default();
    [
        ("calls", plain.clone()),
        ("crew", plain.clone()),
        ("game", plain.clone()),
        ("gaps", Options { serde: true, ..plain.clone() }),
        ("keys", plain.clone()),
        ("maps", Options { strings_as_bytes: true, ..plain.clone() }),
        ("names", Options { serde: true, ..plain.clone() }),
        ("pushes", plain),
    ]
}

#[test]
fn what_is_committed_is_what_is_generated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated");
    for (name, options) in sources() {
        let text = fs::read(folder.join(name).with_extension("sproto")).unwrap();
        let made = generate(&Schema::parse(text).unwrap(), &options);
        let path = folder.join(name).with_extension("rs");
        if std::env::var("SKYRING_GENERATED").is_ok_and(|it| it == "write") {
            fs::write(&path, &made).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap();
        let differs = made.lines().zip(committed.lines()).position(|(one, other)| one != other);
        assert_eq!(differs, None, "{name}.rs differs from this line on");
        assert_eq!(made, committed);
    }
}
