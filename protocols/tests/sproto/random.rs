//! Schemas and values that fit them, by dice that a test throws.

use std::collections::BTreeMap;

use skyring_protocols::sproto::schema::{Kind, Shape, TypeField, TypeId};
use skyring_protocols::sproto::{Key, Schema, Struct, Value};

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'t, T: ?Sized>(&mut self, all: &[&'t T]) -> &'t T {
        all[self.below(all.len())]
    }

    fn integer(&mut self) -> i64 {
        let number = self.next() as i64;
        number >> self.below(64)
    }

    fn double(&mut self) -> f64 {
        match self.below(4) {
            0 => 0.0,
            1 => f64::INFINITY,
            _ => self.integer() as f64 / 1024.0,
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(12);
        (0..length).map(|_| self.next() as u8).collect()
    }
}

const NAMES: &[&str] = &[
    "a", "A", "b_c", "bC", "BC", "type", "Self", "self", "Option", "_", "_1", "x2", "String", "Ok",
    "HTTP", "rpc", "Vec", "item", "Stub", "Incoming", "__", "match",
];

const PLAIN: &[&str] =
    &["integer", "integer(2)", "integer(0)", "boolean", "string", "binary", "double"];

/// Schema text with every kind and shape, keyed by whatever can be a key.
pub(crate) fn schema_text(dice: &mut Dice) -> String {
    let mut text = String::new();
    let count = 1 + dice.below(5);
    for number in 0..count {
        let [key, value] = [dice.one_of(NAMES), dice.one_of(NAMES)].map(str::to_owned);
        let value = if key == value { format!("{value}2") } else { value };
        let (kind, other) = (dice.one_of(PLAIN), dice.below(count));
        let value_kind = match dice.below(4) {
            0 => format!("*Pair{other}()"),
            1 => format!("*Type{other}"),
            2 => format!("Type{other}"),
            _ => dice.one_of(PLAIN).to_owned(),
        };
        let gap = dice.below(3);
        text +=
            &format!(".Pair{number} {{ {key} 0 : {kind} {value} {} : {value_kind} }}\n", 1 + gap);
        text += &type_text(number, &key, count, dice);
    }
    for number in 0..dice.below(4) {
        let sides = ["", "request Type0", "response nil", "request nil response Pair0"];
        let (name, side) = (dice.one_of(NAMES), dice.one_of(&sides));
        text += &format!("{name}{number} {} {{ {side} }}\n", 5 * number);
    }
    text
}

fn type_text(number: usize, key: &str, count: usize, dice: &mut Dice) -> String {
    let mut fields = String::new();
    let mut tag = 0;
    for place in 0..dice.below(8) {
        let (name, other) = (dice.one_of(NAMES), dice.below(count));
        let kind = match dice.below(6) {
            0 => format!("Type{other}"),
            1 => format!("*Type{other}"),
            2 => format!("*Pair{number}({key})"),
            3 => format!("*Pair{other}()"),
            4 => format!("*{}", dice.one_of(PLAIN)),
            _ => dice.one_of(PLAIN).to_owned(),
        };
        fields += &format!("{name}{place} {tag} : {kind}\n");
        tag += 1 + dice.below(3) * dice.below(20);
    }
    format!(".Type{number} {{ {fields} }}\n")
}

/// A value of a type.
pub(crate) fn value(
    schema: &Schema,
    id: TypeId,
    levels: usize,
    dice: &mut Dice,
) -> Struct<'static> {
    let mut value = Struct::new();
    for field in schema.type_of(id).fields() {
        if dice.below(3) > 0
            && let Some(it) = field_value(schema, field, levels, dice)
        {
            value.push(field.name().to_owned(), it);
        }
    }
    value
}

/// None: there would be more levels.
fn field_value(
    schema: &Schema,
    field: &TypeField,
    levels: usize,
    dice: &mut Dice,
) -> Option<Value<'static>> {
    let count = dice.below(4);
    let (id, key, kept) = match (field.shape(), field.kind()) {
        (Shape::One, kind) => return one(schema, kind, levels, dice),
        (Shape::Array, kind) => {
            let items = (0..count).map(|_| one(schema, kind, levels, dice));
            return items.collect::<Option<Vec<_>>>().map(Value::Array);
        }
        (Shape::Keyed { key }, Kind::Struct(id)) => (id, key, None),
        (Shape::Map { key, value }, Kind::Struct(id)) => (id, key, Some(value)),
        _ => return None,
    };
    let definition = schema.type_of(id);
    let levels = levels.checked_sub(1)?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let mut item = value(schema, id, levels, dice);
        let key_field = definition.field_of_tag(key)?;
        if item.get(key_field.name()).is_none() {
            item.push(key_field.name().to_owned(), one(schema, key_field.kind(), 0, dice)?);
        }
        let found_by = Key::of(item.get(key_field.name())?)?;
        let Some(kept) = kept else {
            entries.insert(found_by, item.into());
            continue;
        };
        let kept = item.get(definition.field_of_tag(kept)?.name()).cloned();
        entries.extend(kept.map(|kept| (found_by, kept)));
    }
    Some(Value::Map(entries))
}

fn one(schema: &Schema, kind: Kind, levels: usize, dice: &mut Dice) -> Option<Value<'static>> {
    Some(match kind {
        Kind::Integer => dice.integer().into(),
        // So few digits come back as they were.
        Kind::Fixed { decimals } => {
            let number = dice.below(1_000_000) as f64 - 500_000.0;
            (number / 10_f64.powi(i32::from(decimals))).into()
        }
        Kind::Boolean => (dice.below(2) == 0).into(),
        Kind::String => ["", "text", "\u{3b1}"][dice.below(3)].into(),
        Kind::Binary => dice.bytes().into(),
        Kind::Double => dice.double().into(),
        Kind::Struct(id) => value(schema, id, levels.checked_sub(1)?, dice).into(),
    })
}
