//! `skyring doctor`: will a server with this configuration run on this machine, and how far?
//!
//! Each check prints what it saw and, unless all is well, what to do. Then comes the number of
//! connections that follows. Nothing is changed. The exit status is 1 when a check failed.

mod ceiling;
mod checks;
mod facts;
mod finding;
mod handshakes;
mod hardware;
mod live;
mod memory;
mod placement;
mod proxies;
mod tcp;

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use skyring::ram;

use self::ceiling::{Ceiling, how_to_raise};
use self::facts::Facts;
use self::finding::{Finding, Status};
use self::hardware::Hardware;

pub(super) fn run(path: Option<&Path>) -> ExitCode {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(error) => return super::refuse(&error),
    };
    let facts = Facts::gather(Path::new("/proc"));
    let ceiling = Ceiling::of(&config, &facts);
    let mut findings = checks::all(&config, &facts, &ceiling);
    findings.insert(1, live::io_uring());
    findings.push(memory::check(&config, ram::available_bytes(), ceiling.shards));
    findings.extend(tcp::all(&config, &facts, &ceiling));
    let hardware = Hardware::gather(Path::new("/sys"), Path::new("/proc"));
    findings.extend(placement::all(&config, &facts, &hardware));
    findings.push(live::ports(&config));
    findings.extend(live::certificates(&config));
    findings.extend(handshakes::identities(&config));
    findings.extend(handshakes::tokens(&config));
    findings.push(handshakes::logins(&config));
    findings.extend(handshakes::messages(&config));
    findings.extend(proxies::networks(&config));
    let printed = super::print(&report(&findings, &ceiling, &facts));
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    if failed { ExitCode::FAILURE } else { printed }
}

fn report(findings: &[Finding], ceiling: &Ceiling, facts: &Facts) -> String {
    let mut text = String::new();
    let written = "a String takes every write";
    for finding in findings {
        writeln!(text, "{finding}").expect(written);
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (warned, failed) = (count(Status::Warn), count(Status::Fail));
    write!(text, "\n{ceiling}{}", how_to_raise(facts)).expect(written);
    writeln!(
        text,
        "\n{} checks: {warned} warned, {failed} failed. engine/DEPLOY.md says why each matters.",
        findings.len()
    )
    .expect(written);
    text
}
