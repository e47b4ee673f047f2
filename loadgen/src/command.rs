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

/// Words as one line that a shell takes apart again, behind the program's name.
pub fn line(words: &[String]) -> String {
    let words = words.iter().map(|word| quoted(word));
    std::iter::once(String::from("skyring-loadgen")).chain(words).collect::<Vec<_>>().join(" ")
}

/// A word, quoted where a shell would take it apart.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:,=%@+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let arguments: Vec<_> = text.split(' ').map(OsString::from).collect();
        recorded(&arguments).join(" ")
    }

    #[test]
    fn a_password_is_taken_out_however_it_is_given() {
        assert_eq!(told("--users 5 --password pa --rate 9"), "--users 5 --password *** --rate 9");
        assert_eq!(told("--password=a=b --users 5"), "--password=*** --users 5");
        assert_eq!(told("--password --password x"), "--password *** x");
        assert_eq!(told("--users 5 --password"), "--users 5 --password");
    }

    #[test]
    fn everything_else_stays() {
        let text = "--user-prefix password --json=password=x --passwords 1";
        assert_eq!(told(text), text);
    }

    #[test]
    fn a_line_can_be_given_to_a_shell_again() {
        let words = ["--rate=5", "it's", "***", ""].map(String::from);
        assert_eq!(line(&words), r"skyring-loadgen --rate=5 'it'\''s' '***' ''");
    }
}
