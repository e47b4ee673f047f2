//! The command line of `skyring-bench attack`.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::ValueExt;

use super::kinds;
use crate::claims::settings;

/// The options, with their meaning, for `--help`.
pub const USAGE: &str = "\
usage: skyring-bench attack [OPTIONS]

  --minutes M            of the attack (3); before it comes a rehearsal, a quarter as long and at
                         most two minutes
  --users N              honest users (1000)
  --rate N               hostile connections a second (200)
  --only KIND            one kind of attack only; may be given several times
  --seed N               what all choices are drawn from (1)
  --program FILE         the server (the program skyring beside this one)
  --quick                a smoke test: 100 users, a few seconds, no record
  --records DIRECTORY    where the record goes (bench/records)
  --no-record            print only
  --kinds                lists the kinds of attacks
";

/// The longest that an attack may last.
const MINUTES_MAX: f64 = 600.0;
/// The rehearsal is this part of the attack, and at most so long.
const REHEARSAL_PART: u32 = 4;
const REHEARSAL_MAX: Duration = Duration::from_secs(120);
/// Most hostile connections a second, and honest users.
const RATE_MAX: u32 = 2_000;
const USERS_MAX: u32 = 2_000;

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct AttackOptions {
    /// How long the attack lasts.
    pub lasts: Duration,
    /// Honest users.
    pub users: u32,
    /// Hostile connections a second.
    pub rate: u32,
    /// Kinds to leave the others out for. Empty: all.
    pub only: Vec<String>,
    /// Seed of every choice.
    pub seed: u64,
    /// The server's program.
    pub program: PathBuf,
    /// Where the record goes. None: nowhere.
    pub record_directory: Option<PathBuf>,
}

/// What the command line asks for.
pub enum Asked {
    /// An attack.
    Attack(AttackOptions),
    /// A text to print.
    Text(String),
}

impl AttackOptions {
    /// Reads the command line.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Asked, Box<dyn Error>> {
        let mut options = AttackOptions {
            lasts: Duration::from_secs(180),
            users: 1_000,
            rate: 200,
            only: Vec::new(),
            seed: 1,
            program: beside()?,
            record_directory: Some(PathBuf::from("bench/records")),
        };
        let mut lists = false;
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "minutes" => options.lasts = minutes(parser.value()?.parse()?)?,
                "users" => options.users = parser.value()?.parse()?,
                "rate" => options.rate = parser.value()?.parse()?,
                "only" => options.only.push(parser.value()?.string()?),
                "seed" => options.seed = parser.value()?.parse()?,
                "program" => options.program = parser.value()?.into(),
                "quick" => options.hurry(),
                "records" => options.record_directory = Some(parser.value()?.into()),
                "no-record" => options.record_directory = None,
                "kinds" => lists = true,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if !goes_on {
            return Ok(Asked::Text(USAGE.into()));
        }
        if lists {
            let line = |kind: &&kinds::Kind| format!("{:<27}{}\n", kind.name, kind.what);
            return Ok(Asked::Text(kinds::all().iter().map(line).collect()));
        }
        options.check()?;
        Ok(Asked::Attack(options))
    }

    /// How long the rehearsal lasts.
    #[must_use]
    pub fn rehearsal(&self) -> Duration {
        (self.lasts / REHEARSAL_PART).min(REHEARSAL_MAX)
    }

    fn hurry(&mut self) {
        self.lasts = Duration::from_secs(20);
        (self.users, self.record_directory) = (100, None);
    }

    fn check(&self) -> Result<(), Box<dyn Error>> {
        if !(10..=USERS_MAX).contains(&self.users) {
            return Err(format!("--users must be from 10 to {USERS_MAX}").into());
        }
        if !(1..=RATE_MAX).contains(&self.rate) {
            return Err(format!("--rate must be from 1 to {RATE_MAX}").into());
        }
        let is_known = |name: &&String| kinds::all().iter().any(|kind| kind.name == **name);
        match self.only.iter().find(|name| !is_known(name)) {
            Some(name) => Err(format!("--only {name}: there is no such kind; see --kinds").into()),
            None => Ok(()),
        }
    }
}

fn minutes(minutes: f64) -> Result<Duration, Box<dyn Error>> {
    if minutes > 0.0 && minutes <= MINUTES_MAX {
        return Ok(Duration::from_secs_f64(minutes * 60.0));
    }
    Err(format!("--minutes must be above 0 and at most {MINUTES_MAX}").into())
}

/// The program `skyring` in the directory of this one.
fn beside() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("skyring"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Asked, Box<dyn Error>> {
        AttackOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let line = ["--minutes", "0.5", "--users", "20", "--only", "ws bomb", "--no-record"];
        let Ok(Asked::Attack(options)) = parsed(&line) else { panic!("an attack") };
        assert_eq!((options.lasts, options.users), (Duration::from_secs(30), 20));
        assert_eq!(options.rehearsal(), Duration::from_millis(7_500));
        assert!(options.only == ["ws bomb"] && options.record_directory.is_none());
        let Ok(Asked::Text(kinds)) = parsed(&["--kinds"]) else { panic!("a list") };
        assert_eq!(kinds.lines().count(), kinds::all().len());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            ["--minutes", "0"],
            ["--minutes", "1e9"],
            ["--users", "9"],
            ["--rate", "100000"],
            ["--only", "x"],
            ["--fast", "1"],
        ] {
            assert!(parsed(&wrong).is_err(), "{wrong:?}");
        }
    }
}
