//! Bytes as the rows of tables write them: `\r \n \t \0 \\ \xHH`, and `\*9(text)` for the text nine
//! times.

/// The bytes that a row's text means.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let (letter, behind) = escaped.split_at(1);
        rest = behind;
        match letter {
            "r" => out.push(b'\r'),
            "n" => out.push(b'\n'),
            "t" => out.push(b'\t'),
            "0" => out.push(0),
            "\\" => out.push(b'\\'),
            "x" => {
                out.push(u8::from_str_radix(&behind[..2], 16).unwrap());
                rest = &behind[2..];
            }
            "*" => {
                let (count, behind) = behind.split_once('(').unwrap();
                let (again, behind) = behind.split_at(closing(behind));
                out.extend(unescape(again).repeat(count.parse().unwrap()));
                rest = &behind[1..];
            }
            other => panic!("what is \\{other}?"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Where the bracket is that closes the one before this text.
pub(crate) fn closing(text: &str) -> usize {
    let mut depth = 1;
    let mut signs = text.bytes().enumerate();
    let closes = signs.find(|&(_, sign)| {
        depth += i32::from(sign == b'(') - i32::from(sign == b')');
        depth == 0
    });
    closes.unwrap().0
}
