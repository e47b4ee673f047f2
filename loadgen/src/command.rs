//! The command line as it is put on record: without what nobody but its user should read.

use std::ffi::OsString;

/// Flags whose values are secret.
const SECRET: [&str; 1] = ["--password"];

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// The arguments, without the program's name, with secrets taken out.
pub fn recorded(arguments: &[OsString]) -> Vec<String> {
    let mut is_secret = false;
    let shown = |argument: &OsString| {
        let text = argument.to_string_lossy().into_owned();
        if std::mem::take(&mut is_secret) {
            return String::from(HIDDEN);
        }
        is_secret = SECRET.contains(&text.as_str());
        match text.split_once('=') {
            Some((flag, _)) if SECRET.contains(&flag) => format!("{flag}={HIDDEN}"),
            _ => text,
        }
    };
    arguments.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let arguments: Vec<_> = text.split(' ').map(OsString::from).collect();
        recorded(&arguments).join(" ")
    }

    #[test]
    fn a_password_is_taken_out_however_it_is_given() {
        assert_eq!(line("--users 5 --password pa --rate 9"), "--users 5 --password *** --rate 9");
        assert_eq!(line("--password=a=b --users 5"), "--password=*** --users 5");
        assert_eq!(line("--password --password x"), "--password *** x");
        assert_eq!(line("--users 5 --password"), "--users 5 --password");
    }

    #[test]
    fn everything_else_stays() {
        let text = "--user-prefix password --json=password=x --passwords 1";
        assert_eq!(line(text), text);
    }
}
