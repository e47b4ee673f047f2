//! Random schemas: what is written by one comes back, and all that is made of one fits it.

use proptest::prelude::*;
use skyring_protocols::sproto::codegen::{Options, generate};
use skyring_protocols::sproto::{Limits, Schema, Value, pack, unpack};

use crate::random::{self, Dice};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// WIRE S4 to S6, S9, S12, S13 and S14: values of random types, whole, cut and packed.
    #[test]
    fn values_of_random_schemas_come_back(seed: u64, cut: prop::sample::Index) {
        let mut dice = Dice::new(seed);
        let text = random::schema_text(&mut dice);
        let schema = Schema::parse(&text).map_err(|it| TestCaseError::fail(format!("{it}\n{text}")))?;
        prop_assert_eq!(Schema::from_bundle(&schema.to_bundle()), Ok(schema.clone()));
        let limits = Limits::default();
        for definition in schema.types() {
            let id = schema.type_id(definition.name()).unwrap();
            let value = random::value(&schema, id, 4, &mut dice);
            let value = Value::from(value);
            let mut message = Vec::new();
            schema.encode(id, &value, &limits, &mut message).unwrap();
            let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
            pack(&message, &mut packed);
            unpack(&packed, limits.message_bytes_max, &mut unpacked).unwrap();
            let (back, consumed) = schema.decode(id, &unpacked, &limits).unwrap();
            prop_assert_eq!(consumed, message.len());
            prop_assert_eq!(Value::from(back), value);
            prop_assert_eq!(schema.find_fault(id, &message, &limits), None);
            let cut = &message[..cut.index(message.len())];
            let fault = schema.find_fault(id, cut, &limits).unwrap();
            prop_assert_eq!(schema.decode(id, cut, &limits).unwrap_err(), fault.error);
        }
    }

    /// Generated source has a struct for every type, a field for every field, and a stub for every
    /// protocol, and depends on nothing else.
    #[test]
    fn generated_source_has_everything(seed: u64) {
        let text = random::schema_text(&mut Dice::new(seed));
        let schema = Schema::parse(text).unwrap();
        let source = generate(&schema, &Options::default());
        let loaded = Schema::from_bundle(&schema.to_bundle()).unwrap();
        prop_assert_eq!(&source, &generate(&loaded, &Options::default()));
        let count = |line: &str| source.lines().filter(|it| it.trim_start().starts_with(line)).count();
        prop_assert_eq!(count("pub struct "), schema.types().len() + schema.protocols().len());
        prop_assert_eq!(count("impl ToFields for "), schema.types().len());
        prop_assert_eq!(count("impl Stub for "), schema.protocols().len());
        let fields = schema.types().iter().map(|it| it.fields().len()).sum::<usize>();
        prop_assert_eq!(count("words.field("), fields);
        prop_assert_eq!(count("if let Some(value) = &self."), fields);
    }
}
