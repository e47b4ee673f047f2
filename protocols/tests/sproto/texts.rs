//! What schema text means, and where it is wrong.

use skyring_protocols::sproto::schema::{
    Flaw, Kind, NAME_BYTES_MAX, NESTING_MAX, Response, Schema, Shape, TEXT_BYTES_MAX,
};

fn parse(text: &str) -> Schema {
    Schema::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Line and flaw.
fn refused(text: &str) -> (u32, Flaw) {
    match Schema::parse(text) {
        Ok(_) => panic!("{text:?} is no schema"),
        Err(error) => (error.line, error.flaw),
    }
}

fn names(names: &str) -> Box<str> {
    names.into()
}

/// WIRE S1, S2.
#[test]
fn a_type_has_fields_by_tag() {
    let schema = parse(
        "# ends \r \u{0} anywhere\n.B { b 7 : *string c 3 : integer(2)\r\n\td 0 : double }\n\
         .A { x 0 : *boolean y 2 : binary z_1 32766 : B }#",
    );
    let [a, b] = schema.types() else { panic!("two types") };
    assert_eq!((a.name(), b.name(), a.words(), b.words()), ("A", "B", 5, 5));
    let fields = |name: &str| {
        let fields = schema.type_of(schema.type_id(name).unwrap()).fields().iter();
        fields.map(|it| (it.name(), it.tag(), it.kind(), it.shape())).collect::<Vec<_>>()
    };
    let id = schema.type_id("B").unwrap();
    assert_eq!(
        fields("A"),
        [
            ("x", 0, Kind::Boolean, Shape::Array),
            ("y", 2, Kind::Binary, Shape::One),
            ("z_1", 32766, Kind::Struct(id), Shape::One),
        ]
    );
    assert_eq!(
        fields("B"),
        [
            ("d", 0, Kind::Double, Shape::One),
            ("c", 3, Kind::Fixed { decimals: 2 }, Shape::One),
            ("b", 7, Kind::String, Shape::Array),
        ]
    );
    assert_eq!(a.field("y"), a.field_of_tag(2));
    assert_eq!((a.field("d"), a.field_of_tag(1), schema.type_id("C")), (None, None, None));
}

/// WIRE S2: from inside to outside, and the built-in kinds before all.
#[test]
fn a_name_is_looked_for_from_inside_outwards() {
    let schema = parse(
        ".T { }\n.A { .T { } .B { .T { } x 0 : T y 1 : A.T z 2 : U } .U { } x 0 : T y 1 : B.T }\n\
         .U { x 0 : A.B.T } .integer { x 0 : T y 1 : integer }",
    );
    let kinds = |name: &str| {
        let fields = schema.type_of(schema.type_id(name).unwrap()).fields().iter();
        let name = |kind| match kind {
            Kind::Struct(id) => schema.type_of(id).name(),
            _ => "builtin",
        };
        fields.map(|it| name(it.kind())).collect::<Vec<_>>()
    };
    assert_eq!(kinds("A.B"), ["A.B.T", "A.T", "A.U"]);
    assert_eq!(kinds("A"), ["A.T", "A.B.T"]);
    assert_eq!(kinds("U"), ["A.B.T"]);
    assert_eq!(kinds("integer"), ["T", "builtin"]);
}

/// WIRE S2.
#[test]
fn arrays_may_have_keys() {
    let schema = parse(
        ".K { v 9 : *K k 4 : string } .A { a 0 : *K() b 1 : *K(k) c 2 : *K( k ) d 3 : K(v) \
         e 4 : *integer( 3 ) f 5 : string(k) g 6 : integer(x) h 7 : integer() }",
    );
    let shapes = schema.type_of(schema.type_id("A").unwrap()).fields().iter();
    let shapes: Vec<_> = shapes.map(|it| (it.kind(), it.shape())).collect();
    let kind = Kind::Struct(schema.type_id("K").unwrap());
    assert_eq!(
        shapes,
        [
            (kind, Shape::Map { key: 4, value: 9 }),
            (kind, Shape::Keyed { key: 4 }),
            (kind, Shape::Keyed { key: 4 }),
            (kind, Shape::One),
            (Kind::Fixed { decimals: 3 }, Shape::Array),
            (Kind::String, Shape::One),
            (Kind::Integer, Shape::One),
            (Kind::Integer, Shape::One),
        ]
    );
}

/// WIRE S3.
#[test]
fn protocols_have_two_sides() {
    let schema = parse(
        "b 5 { response { ok 0 : boolean } request A }\na 1 { request { .In { } x 0 : In } }\n\
         c 0 { response nil request nil } d 32766 { } .A { }",
    );
    let tags: Vec<_> = schema.protocols().iter().map(|it| (it.name(), it.tag())).collect();
    assert_eq!(tags, [("c", 0), ("a", 1), ("b", 5), ("d", 32766)]);
    let sides = |name: &str| {
        let protocol = schema.protocol(name).unwrap();
        assert_eq!(schema.protocol_of_tag(protocol.tag()), Some(protocol));
        (protocol.request().map(|id| schema.type_of(id).name()), protocol.response())
    };
    let response = schema.type_id("b.response").unwrap();
    assert_eq!(sides("a"), (Some("a.request"), Response::None));
    assert_eq!(sides("b"), (Some("A"), Response::Struct(response)));
    assert_eq!(sides("c"), (None, Response::Confirm));
    assert_eq!(sides("d"), (None, Response::None));
    assert_eq!(schema.type_of(schema.type_id("a.request").unwrap()).fields().len(), 1);
    assert!(schema.type_id("a.request.In").is_some() && schema.protocol("e").is_none());
    assert_eq!(schema.protocol_of_tag(2), None);
}

/// WIRE S1: the line is that of the sign that does not fit.
#[test]
fn syntax_is_refused_with_its_line() {
    for (text, line) in [
        ("A", 1),
        (".A", 1),
        ("..A { }", 1),
        (". A { }", 1),
        (".A {", 1),
        (".A { }\n}", 2),
        (".A { } }", 1),
        (".A\n{\n\nx 0 integer }", 4),
        (".A { x\n#\n0\n\n integer }", 5),
        (".A { x0 : integer }", 1),
        (".A { x 0 : * integer }", 1),
        (".A { x 0 : **integer }", 1),
        (".A { x 0 : *integer (2) }", 1),
        (".A { x 0 : *integer(2 3) }", 1),
        (".A { x 0 : *integer(2)(2) }", 1),
        (".A { x 0 : *A.B. }", 1),
        (".A { x 0 : .A }", 1),
        (".A { x -1 : integer }", 1),
        (".A { x 0x1 : integer }", 1),
        (".A { x 0 : integer, y 1 : integer }", 1),
        (".A { \u{e9} 0 : integer }", 1),
        (".A.B { }", 1),
        (".A { }\r.B { }", 1),
        (".A { }\0", 1),
        ("a 1 { request{ } } .A { }", 1),
        ("a 1 { requestA } .A { }", 1),
        ("a 1 { asks A } .A { }", 1),
        ("a 1 { .B { } } .A { }", 1),
        ("a 1 { x 0 : integer } .A { }", 1),
        ("a.b 1 { } .A { }", 1),
        // The last ones of a list may touch, and then no other follows.
        (".A{}.B{}\n.C{}", 2),
        (".A { x 0 : *K()y 1 : *K() z 2 : *K() }", 1),
    ] {
        assert_eq!(refused(text), (line, Flaw::Syntax), "{text:?}");
    }
    parse(".A{}.B{}.C{}  ");
    parse(".K { k 0 : integer v 1 : integer } .A { .B{}.C{}x 0 : *K()y 1 : *K() }");
    parse("a 1{request {}response {}}");
}

/// WIRE S2, S3.
#[test]
fn what_is_said_twice_is_refused() {
    let [a, x] = [names("A"), names("x")];
    for (text, line, flaw) in [
        (".A { }\n.A { }", 2, Flaw::TypeRepeated { name: a.clone() }),
        (".A { .B { }\n.B { } }", 2, Flaw::TypeRepeated { name: names("A.B") }),
        (
            ".x { .request { } }\nx 1 {\nrequest { } }",
            3,
            Flaw::TypeRepeated { name: names("x.request") },
        ),
        (".A { x 0 : integer\nx 1 : integer }", 2, Flaw::FieldRepeated { name: x.clone() }),
        (".A { x 0 : integer\ny 0 : integer }", 2, Flaw::FieldTag { tag: 0 }),
        (".A { }\nx 1 { }\nx 2 { }", 3, Flaw::ProtocolRepeated { name: x }),
        (".A { }\nx 1 { }\ny 1 { }", 3, Flaw::ProtocolTag { tag: 1 }),
        (".A { }\nx 1 { request A\nrequest nil }", 3, Flaw::SideRepeated),
        (".A { }\nx 1 { response nil\nresponse A }", 3, Flaw::SideRepeated),
    ] {
        assert_eq!(refused(text), (line, flaw), "{text:?}");
    }
}

/// WIRE S2, S3.
#[test]
fn what_means_nothing_is_refused() {
    let unknown = |name: &str| Flaw::TypeUnknown { name: names(name) };
    let k = ".K { k 0 : integer v 1 : integer a 2 : *integer s 3 : K }\n";
    for (text, flaw) in [
        (".A { x 0 : B }", unknown("B")),
        (".A { .B { } } .C { x 0 : B }", unknown("B")),
        (".A { }\nx 1 { request B }", unknown("B")),
        (".A { .B { } }\nx 1 { request B }", unknown("B")),
        (".A { }\nx 1 { response integer }", unknown("integer")),
        (".A { x 32767 : integer }", Flaw::Tag),
        (".A { x 99999999999999999999 : integer }", Flaw::Tag),
        (".A { } x 32767 { }", Flaw::Tag),
        (".A { x 0 : integer(10) }", Flaw::Decimals),
        (".A { x 0 : *integer(x) }", Flaw::Decimals),
        (".A { x 0 : *integer() }", Flaw::Decimals),
        (".A { x 0 : string(1) }", Flaw::KeyOfNone),
        (".A { x 0 : *string(x) }", Flaw::KeyOfNone),
        (".A { x 0 : *double() }", Flaw::KeyOfNone),
        (".A { x 0 : A(1) }", Flaw::KeyOfNone),
        (&format!("{k}.A {{ x 0 : *K() }}"), Flaw::MapFields),
        (&format!("{k}.A {{ x 0 : *K(x) }}"), Flaw::Key),
        (&format!("{k}.A {{ x 0 : *K(a) }}"), Flaw::Key),
        (&format!("{k}.A {{ x 0 : *K(s) }}"), Flaw::Key),
        (".K { k 0 : K v 1 : integer } .A { x 0 : *K() }", Flaw::Key),
        ("x 1 { }", Flaw::ProtocolsAlone),
    ] {
        assert_eq!(refused(text).1, flaw, "{text:?}");
    }
}

/// WIRE S5.
#[test]
fn a_schema_is_bounded() {
    let name = "a".repeat(NAME_BYTES_MAX);
    parse(&format!(".{name} {{ {name} 0 : {name} }}"));
    assert_eq!(refused(&format!(".{name}a {{ }}")).1, Flaw::NameTooLong);
    assert_eq!(refused(&format!(".{name} {{ .b {{ }} }}")).1, Flaw::NameTooLong);
    assert_eq!(refused(&format!("{name} 1 {{ request {{ }} }}")).1, Flaw::NameTooLong);
    let nested = |levels| ".a {".repeat(levels) + &"}".repeat(levels);
    assert_eq!(parse(&nested(NESTING_MAX)).types().len(), NESTING_MAX);
    assert_eq!(refused(&nested(NESTING_MAX + 1)).1, Flaw::TooDeep);
    assert_eq!(refused(&".a {".repeat(100_000)).1, Flaw::TooDeep);
    let mut long = ".A { }".to_owned() + &" ".repeat(TEXT_BYTES_MAX - 6);
    parse(&long);
    long.push(' ');
    assert_eq!(refused(&long).1, Flaw::TooLong);
    let many = |count: u32| (0..count).map(|it| format!(".t{it} {{ }} ")).collect::<String>();
    assert_eq!(parse(&many(32_767)).types().len(), 32_767);
    let name = "a".repeat(NAME_BYTES_MAX - 6);
    let inside = |count: u32| format!(".{name} {{ {} }}", many(count));
    assert_eq!(parse(&inside(4_000)).types().len(), 4_001);
    assert_eq!(refused(&inside(5_000)).1, Flaw::TooLong);
    // Short fields make long bundles.
    let fields: String = (0..32_767).map(|tag| format!("a{tag} {tag}:a ")).collect();
    let schema = parse(&format!(".a {{ {fields} }}"));
    assert_eq!(Schema::from_bundle(&schema.to_bundle()), Ok(schema));
    assert_eq!(refused(&many(32_768)).1, Flaw::TooManyTypes);
    let protocols: String = (0..70_000).map(|it| format!("p{it} 1 {{ }} ")).collect();
    assert_eq!(refused(&format!(".A {{ }} {protocols}")).1, Flaw::ProtocolTag { tag: 1 });
}
