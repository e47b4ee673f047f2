//! What a check found, and how it is printed.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// Nothing is wrong, but more could be had.
    Note,
    /// The server runs, but worse than it could.
    Warn,
    /// The server does not start, or not as configured.
    Fail,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// How bad it is.
    pub(super) status: Status,
    /// What was looked at.
    pub(super) subject: &'static str,
    /// What was seen.
    pub(super) seen: String,
    /// What to do about it.
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(subject: &'static str, seen: impl Into<String>) -> Finding {
        Finding { status: Status::Ok, subject, seen: seen.into(), advice: None }
    }

    pub(super) fn note(
        subject: &'static str,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { status: Status::Note, ..Finding::fail(subject, seen, advice) }
    }

    pub(super) fn warn(
        subject: &'static str,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { status: Status::Warn, ..Finding::fail(subject, seen, advice) }
    }

    pub(super) fn fail(
        subject: &'static str,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        let advice = Some(advice.into());
        Finding { status: Status::Fail, subject, seen: seen.into(), advice }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Note => "note",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        write!(f, "{status:<6}{:<24}{}", self.subject, self.seen)?;
        match &self.advice {
            Some(advice) => write!(f, "\n{:30}-> {advice}", ""),
            None => Ok(()),
        }
    }
}
