//! Bundles that are none, or say what no text could.

use proptest::prelude::*;
use skyring_protocols::sproto::schema::{BUNDLE_BYTES_MAX, BundleError, Flaw, Schema, Type};
use skyring_protocols::sproto::{DecodeError, Limits, Struct, Value};

/// The schema of bundles, which are messages. Unlike them, our messages have one word for a gap.
const OF_BUNDLES: &str = "
.group {
    .type {
        .field { name 0 : string builtin 1 : integer number 2 : integer tag 3 : integer
            array 4 : boolean key 5 : integer map 6 : boolean stray 7 : integer }
        name 0 : string fields 1 : *field stray 2 : integer
    }
    .protocol { name 0 : string tag 1 : integer request 2 : integer response 3 : integer
        confirm 4 : boolean stray 5 : integer }
    type 0 : *type protocol 1 : *protocol stray 2 : integer
}";

/// A bundle of one type `A` with this field, and of this protocol.
fn load(field: Struct<'_>, protocol: Struct<'_>) -> Result<Schema, BundleError> {
    let mut fields = vec![field];
    fields.retain(|it| !it.is_empty());
    let mut protocols = vec![protocol];
    protocols.retain(|it| !it.is_empty());
    let only =
        Struct::new().with("name", "A").with("fields", fields.into_iter().collect::<Value<'_>>());
    let only: Value<'_> = [only].into_iter().collect();
    let protocols: Value<'_> = protocols.into_iter().collect();
    Schema::from_bundle(&bundle(Struct::new().with("type", only).with("protocol", protocols)))
}

fn bundle(group: Struct<'_>) -> Vec<u8> {
    let schema = Schema::parse(OF_BUNDLES).unwrap();
    let mut out = Vec::new();
    let id = schema.type_id("group").unwrap();
    schema.encode(id, &group.into(), &Limits::default(), &mut out).unwrap();
    out
}

fn field() -> Struct<'static> {
    Struct::new().with("name", "x").with("tag", 0)
}

fn integer() -> Struct<'static> {
    field().with("builtin", 0)
}

fn protocol() -> Struct<'static> {
    Struct::new().with("name", "p").with("tag", 1)
}

/// WIRE S4, S5.
#[test]
fn a_bundle_is_read() {
    let loaded = load(integer(), protocol().with("request", 0).with("confirm", true));
    let text = ".A { x 0 : integer } p 1 { request A response nil }";
    assert_eq!(loaded.unwrap(), Schema::parse(text).unwrap());
    for (field, kind) in [
        (integer().with("number", 9), "integer(9)"),
        (integer().with("number", 0), "integer(0)"),
        (integer().with("array", true), "*integer"),
        (integer().with("array", false), "integer"),
        (field().with("builtin", 1), "boolean"),
        (field().with("builtin", 2).with("number", 0), "string"),
        (field().with("builtin", 2).with("number", 1), "binary"),
        (field().with("builtin", 3), "double"),
        (field().with("number", 0).with("array", true), "*A"),
    ] {
        let text = format!(".A {{ x 0 : {kind} }}");
        assert_eq!(load(field, Struct::new()).unwrap(), Schema::parse(text).unwrap());
    }
}

/// WIRE S5: a number of a type is its place, whatever the names.
#[test]
fn types_may_be_in_any_order() {
    let of = |name: &'static str, number: i64| {
        let field = field().with("number", number);
        Struct::new().with("name", name).with("fields", [field].into_iter().collect::<Value<'_>>())
    };
    let types: Value<'_> = [of("B", 1), of("A", 0)].into_iter().collect();
    let schema = Schema::from_bundle(&bundle(Struct::new().with("type", types))).unwrap();
    let names: Vec<_> = schema.types().iter().map(Type::name).collect();
    assert_eq!(names, ["B", "A"]);
    for (id, name) in [(schema.type_id("A"), "A"), (schema.type_id("B"), "B")] {
        assert_eq!(schema.type_of(id.unwrap()).name(), name);
    }
    assert_eq!(Schema::from_bundle(&schema.to_bundle()).unwrap(), schema);
}

/// WIRE S5.
#[test]
fn fields_that_cannot_be_are_refused() {
    let keyed = || field().with("number", 0).with("array", true);
    for (field, error) in [
        (Struct::new().with("tag", 0).with("builtin", 0), BundleError::Missing),
        (Struct::new().with("name", "x").with("builtin", 0), BundleError::Missing),
        (field(), BundleError::Missing),
        (integer().with("map", true), BundleError::Missing),
        (Struct::new().with("name", "").with("tag", 0).with("builtin", 0), BundleError::Name),
        (Struct::new().with("name", "1").with("tag", 0).with("builtin", 0), BundleError::Name),
        (Struct::new().with("name", "a.b").with("tag", 0).with("builtin", 0), BundleError::Name),
        (integer().with("stray", 1), BundleError::Unknown { tag: 7 }),
        (field().with("number", 1), BundleError::Number),
        (field().with("number", -1), BundleError::Number),
        (field().with("number", 1_i64 << 40), BundleError::Number),
        (field().with("builtin", 4), BundleError::Number),
        (field().with("builtin", 1).with("number", 0), BundleError::Number),
        (field().with("builtin", 2).with("number", 2), BundleError::Number),
        (field().with("builtin", 3).with("number", 0), BundleError::Number),
        (
            Struct::new().with("name", "x").with("tag", 32767).with("builtin", 0),
            BundleError::Number,
        ),
        (integer().with("number", 10), BundleError::Schema(Flaw::Decimals)),
        (integer().with("key", 0), BundleError::Schema(Flaw::KeyOfNone)),
        (integer().with("array", true).with("key", 0), BundleError::Schema(Flaw::KeyOfNone)),
        (keyed().with("key", 1), BundleError::Schema(Flaw::Key)),
        (keyed().with("key", 0), BundleError::Schema(Flaw::Key)),
        (keyed().with("key", 0).with("map", true), BundleError::Schema(Flaw::MapFields)),
        (
            Struct::new().with("name", "x".repeat(256)).with("tag", 0).with("builtin", 0),
            BundleError::Schema(Flaw::NameTooLong),
        ),
    ] {
        assert_eq!(load(field.clone(), Struct::new()), Err(error), "{field:?}");
    }
}

/// WIRE S5.
#[test]
fn protocols_that_cannot_be_are_refused() {
    for (protocol, error) in [
        (Struct::new().with("tag", 0), BundleError::Missing),
        (Struct::new().with("name", "p"), BundleError::Missing),
        (Struct::new().with("name", "p.q").with("tag", 0), BundleError::Name),
        (protocol().with("stray", 0), BundleError::Unknown { tag: 5 }),
        (protocol().with("request", 1), BundleError::Number),
        (protocol().with("response", -1), BundleError::Number),
        (
            protocol().with("response", 0).with("confirm", true),
            BundleError::Schema(Flaw::SideRepeated),
        ),
    ] {
        assert_eq!(load(Struct::new(), protocol.clone()), Err(error), "{protocol:?}");
    }
}

/// WIRE S5.
#[test]
fn what_is_no_bundle_is_refused() {
    let from = Schema::from_bundle;
    assert_eq!(from(&[0, 0]), Err(BundleError::Empty));
    assert_eq!(from(b""), Err(BundleError::Decode(DecodeError::WordsCut)));
    assert_eq!(from(&[1, 0, 0, 0, 9, 0, 0, 0]), Err(BundleError::Decode(DecodeError::DataCut)));
    assert_eq!(from(&vec![0; BUNDLE_BYTES_MAX + 1]), Err(BundleError::TooLong));
    let mut behind = Schema::parse(".A { }").unwrap().to_bundle();
    behind.push(0);
    assert_eq!(from(&behind), Err(BundleError::Trailing { bytes: 1 }));
    let stray = bundle(Struct::new().with("stray", 1));
    assert_eq!(from(&stray), Err(BundleError::Unknown { tag: 2 }));
    let twice: Value<'_> =
        ["A", "A"].into_iter().map(|it| Struct::new().with("name", it)).collect();
    let twice = bundle(Struct::new().with("type", twice));
    assert_eq!(from(&twice), Err(BundleError::Schema(Flaw::TypeRepeated { name: "A".into() })));
    let falling: Value<'_> = [3, 2]
        .into_iter()
        .zip(["p", "q"])
        .map(|(tag, name)| Struct::new().with("name", name).with("tag", tag))
        .collect();
    let only: Value<'_> = [Struct::new().with("name", "A")].into_iter().collect();
    let falling = bundle(Struct::new().with("type", only).with("protocol", falling));
    assert_eq!(from(&falling), Err(BundleError::Schema(Flaw::ProtocolTag { tag: 2 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// WIRE S5: a bundle that was bent is refused, or is one.
    #[test]
    fn a_bent_bundle_is_refused_or_read(
            at: prop::sample::Index,
            byte: u8,
            cut: prop::sample::Index,
        ) {
        let text = ".A { k 0 : integer v 3 : *A(k) w 5 : *B() } .B { k 1 : string v 2 : double }
            p 1 { request A response { x 0 : *integer(2) } } q 4 { response nil }";
        let mut bundle = Schema::parse(text).unwrap().to_bundle();
        let whole = bundle.len();
        bundle[at.index(whole)] = byte;
        for length in [whole, cut.index(whole)] {
            if let Ok(schema) = Schema::from_bundle(&bundle[..length]) {
                prop_assert_eq!(Schema::from_bundle(&schema.to_bundle()), Ok(schema));
            }
        }
    }
}
