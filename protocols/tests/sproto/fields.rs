//! Fields, one by one: a type as it will be generated, and what encoder and decoder refuse.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Limits, Raw, Schema, Struct, TAG_MAX,
    ToFields, Value, decode, decode_with, encode,
};

const TEXT: &str = "
.Ship {
    .Radio { channel 0 : string band 3 : integer }
    name 0 : string
    crew 1 : *string
    mass 4 : integer(2)
    radio 5 : Radio
    radios 6 : *Radio
    counts 7 : *integer
    speeds 9 : *double
    flags 10 : *boolean
    prices 11 : *integer(1)
    speed 12 : double
    is_lost 13 : boolean
    log 14 : binary
}";

/// What would be generated for `Ship.Radio`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Radio<'i> {
    channel: Option<&'i str>,
    band: Option<i64>,
}

/// And for `Ship`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Ship<'i> {
    name: Option<&'i str>,
    crew: Option<Vec<&'i [u8]>>,
    mass: Option<f64>,
    radio: Option<Radio<'i>>,
    radios: Option<Vec<Radio<'i>>>,
    counts: Option<Vec<i64>>,
    speeds: Option<Vec<f64>>,
    flags: Option<Vec<bool>>,
    prices: Option<Vec<f64>>,
    speed: Option<f64>,
    is_lost: Option<bool>,
    log: Option<&'i [u8]>,
}

impl ToFields for Radio<'_> {
    fn words(&self) -> usize {
        usize::from(self.channel.is_some()) + 2 * usize::from(self.band.is_some())
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(channel) = self.channel {
            encoder.bytes(0, channel.as_bytes())?;
        }
        self.band.map_or(Ok(()), |band| encoder.integer(3, band))
    }
}

impl<'i> FromFields<'i> for Radio<'i> {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut radio = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => radio.channel = Some(field.text()?),
                3 => radio.band = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(radio)
    }
}

impl ToFields for Ship<'_> {
    /// Wrong on purpose: room is made and closed up.
    fn words(&self) -> usize {
        if self.name.is_some() { 1 } else { 40 }
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let Self { name, crew, mass, radio, radios, counts, speeds, .. } = self;
        let Self { flags, prices, speed, is_lost, log, .. } = self;
        name.map_or(Ok(()), |it| encoder.bytes(0, it.as_bytes()))?;
        crew.as_ref().map_or(Ok(()), |it| encoder.strings(1, it))?;
        mass.map_or(Ok(()), |it| encoder.fixed(4, it, 2))?;
        radio.as_ref().map_or(Ok(()), |it| encoder.structure(5, it))?;
        radios.as_ref().map_or(Ok(()), |it| encoder.structures(6, it))?;
        counts.as_ref().map_or(Ok(()), |it| encoder.integers(7, it.iter().copied()))?;
        speeds.as_ref().map_or(Ok(()), |it| encoder.doubles(9, it.iter().copied()))?;
        flags.as_ref().map_or(Ok(()), |it| encoder.booleans(10, it.iter().copied()))?;
        prices.as_ref().map_or(Ok(()), |it| encoder.fixeds(11, it.iter().copied(), 1))?;
        speed.map_or(Ok(()), |it| encoder.double(12, it))?;
        is_lost.map_or(Ok(()), |it| encoder.boolean(13, it))?;
        log.map_or(Ok(()), |it| encoder.bytes(14, it))
    }
}

impl<'i> FromFields<'i> for Ship<'i> {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut ship = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => ship.name = Some(field.text()?),
                1 => ship.crew = Some(field.items()?.collect()),
                4 => ship.mass = Some(field.fixed(2)?),
                5 => ship.radio = Some(field.structure()?),
                6 => ship.radios = Some(field.structures()?.collect::<Result<_, _>>()?),
                7 => ship.counts = Some(field.integers()?.collect()),
                9 => ship.speeds = Some(field.doubles()?.collect()),
                10 => ship.flags = Some(field.booleans()?.collect()),
                11 => ship.prices = Some(field.fixeds(1)?.collect()),
                12 => ship.speed = Some(field.double()?),
                13 => ship.is_lost = Some(field.boolean()?),
                14 => ship.log = Some(field.bytes()?),
                _ => {}
            }
        }
        Ok(ship)
    }
}

fn full() -> Ship<'static> {
    Ship {
        name: Some("\u{3b1}"),
        crew: Some(vec![b"a", b"", b"\xff"]),
        mass: Some(-1.25),
        radio: Some(Radio { channel: None, band: Some(32_767) }),
        radios: Some(vec![Radio { channel: Some(""), band: Some(0) }, Radio::default()]),
        counts: Some(vec![0, -1, i64::from(i32::MIN), 1 << 31, i64::MIN]),
        speeds: Some(vec![0.5, f64::INFINITY]),
        flags: Some(vec![true, false]),
        prices: Some(vec![0.1, -2.0]),
        speed: Some(-0.0),
        is_lost: Some(false),
        log: Some(b"\0"),
    }
}

fn dynamic() -> Value<'static> {
    let items = |items: &[i64]| items.iter().copied().collect::<Value<'_>>();
    let radios: Value<'_> =
        [Struct::new().with("band", 0).with("channel", ""), Struct::new()].into_iter().collect();
    Struct::new()
        .with("log", &b"\0"[..])
        .with("name", "\u{3b1}")
        .with("crew", [&b"a"[..], b"", b"\xff"].into_iter().collect::<Value<'_>>())
        .with("mass", -1.25)
        .with("radio", Struct::new().with("band", 32_767))
        .with("radios", radios)
        .with("counts", items(&[0, -1, i64::from(i32::MIN), 1 << 31, i64::MIN]))
        .with("speeds", [0.5, f64::INFINITY].into_iter().collect::<Value<'_>>())
        .with("flags", [true, false].into_iter().collect::<Value<'_>>())
        .with("prices", [0.1, -2.0].into_iter().collect::<Value<'_>>())
        .with("speed", -0.0)
        .with("is_lost", false)
        .into()
}

fn encoded(message: &dyn ToFields) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode(message, &Limits::default(), &mut out).unwrap();
    out.split_off(6)
}

/// WIRE S6 to S8: a type that knows its fields and a value that looks them up are one message.
#[test]
fn types_and_values_agree() {
    let schema = Schema::parse(TEXT).unwrap();
    let id = schema.type_id("Ship").unwrap();
    let limits = Limits::default();
    let bytes = encoded(&full());
    let value = dynamic();
    assert_eq!(bytes, encoded(&schema.typed(id, &value).unwrap()));
    assert_eq!(decode(&bytes, &limits), Ok((full(), bytes.len())));
    let (back, consumed) = schema.decode(id, &bytes, &limits).unwrap();
    assert_eq!((&Value::from(back), consumed), (&value, bytes.len()));
    for ship in [Ship::default(), Ship { is_lost: Some(true), ..Ship::default() }] {
        let bytes = encoded(&ship);
        assert_eq!(bytes.len(), if ship.is_lost.is_some() { 6 } else { 2 });
        assert_eq!(decode(&bytes, &limits), Ok((ship, bytes.len())));
    }
}

/// A struct of one field that something writes.
struct One<F>(F);

impl<F: Fn(&mut Encoder<'_>) -> Result<(), EncodeError>> ToFields for One<F> {
    fn words(&self) -> usize {
        usize::MAX
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        (self.0)(encoder)
    }
}

/// WIRE S6, S7.
#[test]
fn numbers_are_as_short_as_they_can_be() {
    let integer = |value| encoded(&One(move |to: &mut Encoder<'_>| to.integer(1, value)));
    assert_eq!(integer(0), [2, 0, 1, 0, 2, 0]);
    assert_eq!(integer(32_766), [2, 0, 1, 0, 0xfe, 0xff]);
    assert_eq!(integer(32_767), [2, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0xff, 0x7f, 0, 0]);
    assert_eq!(integer(-1), [2, 0, 1, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(integer(1 << 31), [2, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0]);
    let last = encoded(&One(|to: &mut Encoder<'_>| to.boolean(TAG_MAX, true)));
    assert_eq!(last, [2, 0, 0xfb, 0xff, 4, 0]);
}

/// WIRE S9: all are long as soon as one is.
#[test]
fn arrays_have_one_width() {
    let integers = |items: &'static [i64]| {
        encoded(&One(|to: &mut Encoder<'_>| to.integers(0, items.iter().copied())))
    };
    assert_eq!(integers(&[])[4..], [0, 0, 0, 0]);
    assert_eq!(integers(&[1, -1])[4..], [9, 0, 0, 0, 4, 1, 0, 0, 0, 255, 255, 255, 255]);
    let long = integers(&[-2, 1 << 32, 3]);
    assert_eq!(long[4..9], [25, 0, 0, 0, 8]);
    assert_eq!(long[9..17], (-2_i64).to_le_bytes());
    assert_eq!(long[17..25], (1_i64 << 32).to_le_bytes());
    assert_eq!(long[25..], 3_i64.to_le_bytes());
    let doubles = encoded(&One(|to: &mut Encoder<'_>| to.doubles(0, [])));
    assert_eq!(doubles[4..], [0, 0, 0, 0]);
}

/// WIRE S8.
#[test]
fn fixed_point_is_rounded_away_from_zero() {
    let fixed = |value, decimals| {
        let mut out = Vec::new();
        let message = One(move |to: &mut Encoder<'_>| to.fixed(0, value, decimals));
        encode(&message, &Limits::default(), &mut out)?;
        let (read, _) = decode_with(&out, &Limits::default(), |from| {
            let field = from.next()?.unwrap();
            Ok::<_, DecodeError>((field.integer()?, field.fixed(decimals)?))
        })
        .unwrap();
        Ok(read)
    };
    assert_eq!(fixed(0.125, 2), Ok((13, 0.13)));
    assert_eq!(fixed(-0.125, 2), Ok((-13, -0.13)));
    assert_eq!(fixed(1.5, 0), Ok((2, 2.0)));
    assert_eq!(fixed(123.456_789_012, 9), Ok((123_456_789_012, 123.456_789_012)));
    assert_eq!(fixed(-9_223_372_036_854_775_808.0, 0), Ok((i64::MIN, i64::MIN as f64)));
    for none in [f64::NAN, f64::INFINITY, 9_223_372_036_854_775_808.0, -1e19] {
        assert_eq!(fixed(none, 0), Err(EncodeError::Fixed { tag: 0 }));
    }
}

/// WIRE S6: and nothing is left of what was refused.
#[test]
fn fields_are_written_in_order() {
    let refused = |message: &dyn ToFields| {
        let mut out = vec![7];
        let error = encode(message, &Limits::default(), &mut out).unwrap_err();
        assert_eq!(out, [7]);
        error
    };
    let again = One(|to: &mut Encoder<'_>| to.integer(2, 1).and_then(|()| to.integer(2, 1)));
    assert_eq!(refused(&again), EncodeError::Order { tag: 2 });
    let back = One(|to: &mut Encoder<'_>| to.integer(2, 1).and_then(|()| to.bytes(1, b"")));
    assert_eq!(refused(&back), EncodeError::Order { tag: 1 });
    let high = One(|to: &mut Encoder<'_>| to.integer(TAG_MAX + 1, 1));
    assert_eq!(refused(&high), EncodeError::Tag { tag: TAG_MAX + 1 });
}

/// WIRE S6, S11: the raw fields of a message that nobody has a schema for.
#[test]
fn a_message_can_be_looked_at_without_a_schema() {
    let message = [4, 0, 0, 0, 3, 0, 8, 0, 0, 0, 2, 0, 0, 0, 5, 6, 0, 0, 0, 0, 9];
    let (fields, consumed) = decode_with(&message, &Limits::default(), |from| {
        let mut fields = Vec::new();
        while let Some(field) = from.next()? {
            fields.push((field.tag(), field.raw()));
        }
        Ok::<_, DecodeError>(fields)
    })
    .unwrap();
    assert_eq!(fields, [(0, Raw::Block(&[5, 6])), (3, Raw::Word(3)), (4, Raw::Block(&[]))]);
    assert_eq!(consumed, message.len() - 1);
}

/// WIRE S6, S11: a reader that stops early has read its struct all the same.
#[test]
fn what_is_not_read_is_checked_too() {
    let none = |message: &[u8]| {
        decode_with(message, &Limits::default(), |_| Ok::<_, DecodeError>(())).map(|((), it)| it)
    };
    assert_eq!(none(&[1, 0, 0, 0, 1, 0, 0, 0, 9]), Ok(9));
    assert_eq!(none(&[1, 0, 0, 0, 2, 0, 0, 0, 9]), Err(DecodeError::DataCut));
    // Words that skip as far as can be, and then a field that no type has.
    let mut far = vec![255, 255];
    far.extend([255; 2 * 65_534]);
    far.extend([0, 0]);
    assert_eq!(none(&far), Err(DecodeError::DataCut));
    far.extend([0, 0, 0, 0]);
    assert_eq!(none(&far), Ok(far.len()));
}

/// Text is the reader's wish: to sproto it is bytes.
#[test]
fn text_is_utf8() {
    let message = [1, 0, 0, 0, 1, 0, 0, 0, 0xff];
    assert_eq!(
        decode::<Radio<'_>>(&message, &Limits::default()),
        Err(DecodeError::Text { tag: 0 })
    );
}
