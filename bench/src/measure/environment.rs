//! Where and from what a record was made.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::host;

/// The circumstances of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Day and time, UTC, `2025-01-31 12:34`.
    pub date: String,
    /// The command line.
    pub command: String,
    /// Revision of the source; ends in `+` if the work tree differed from it.
    pub revision: String,
    /// Kernel release.
    pub kernel: String,
    /// Name of the processor.
    pub processor: String,
    /// Processors that the run could use.
    pub cores: usize,
    /// Bytes of memory of the machine.
    pub memory_bytes: u64,
    /// Whether the machine is virtual.
    pub is_virtual: bool,
    /// The system's TCP congestion control.
    pub congestion: String,
    /// Whether the kernel keeps the time of interrupts apart from that of the thread they hit
    /// (`CONFIG_IRQ_TIME_ACCOUNTING`): `on`, `off`, or `unknown` where its configuration is hidden.
    #[serde(default = "unknown")]
    pub irq_time_accounting: String,
    /// Whether the program was built with optimisation.
    pub is_optimised: bool,
}

impl Environment {
    /// Reads it all; what a machine does not tell is `unknown`.
    pub fn read(command: &str) -> io::Result<Environment> {
        let processor_text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Ok(Environment {
            date: date(SystemTime::now()),
            command: command.to_owned(),
            revision: revision(),
            kernel: line("/proc/sys/kernel/osrelease"),
            processor: field(&processor_text, "model name"),
            cores: host::cores()?.len(),
            memory_bytes: memory_bytes(),
            is_virtual: field(&processor_text, "flags").split(' ').any(|f| f == "hypervisor"),
            congestion: line("/proc/sys/net/ipv4/tcp_congestion_control"),
            irq_time_accounting: irq_time_accounting(&kernel_configuration()),
            is_optimised: !cfg!(debug_assertions),
        })
    }
}

impl Environment {
    /// The head of a record: when, from what, by which command, and on which machine; ends with a
    /// space. The congestion control is the system's unless one is named.
    pub fn describe(&self, congestion: Option<&str>) -> String {
        let virtual_note = if self.is_virtual { ", virtual" } else { "" };
        let built_note = if self.is_optimised { "" } else { " **Built without optimisation.**" };
        format!(
            "{date} UTC, revision {revision}, `{command}`.{built_note}\n\n\
             {processor}, {cores} cores{virtual_note}, {memory:.0} GiB; Linux {kernel}, congestion \
             control {congestion}, interrupt time accounting {irq_time}. ",
            date = self.date,
            revision = self.revision,
            command = self.command,
            processor = self.processor,
            cores = self.cores,
            memory = self.memory_bytes as f64 / f64::from(1 << 30),
            kernel = self.kernel,
            congestion = congestion.unwrap_or(&self.congestion),
            irq_time = self.irq_time_accounting,
        )
    }

    /// The day of the date.
    pub fn day(&self) -> &str {
        self.date.split(' ').next().unwrap_or_default()
    }
}

fn unknown() -> String {
    String::from("unknown")
}

fn line(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(unknown)
}

fn memory_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = field(&text, "MemTotal");
    total.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

/// The kernel's configuration, from itself or from beside its image; empty where neither is there.
fn kernel_configuration() -> String {
    let beside = format!("/boot/config-{}", line("/proc/sys/kernel/osrelease"));
    let unpacked = Command::new("gzip").args(["-dc", "/proc/config.gz"]).output();
    match unpacked {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).ok(),
        _ => fs::read_to_string(beside).ok(),
    }
    .unwrap_or_default()
}

fn irq_time_accounting(configuration: &str) -> String {
    let is_on = configuration.lines().any(|line| line == "CONFIG_IRQ_TIME_ACCOUNTING=y");
    match (configuration.is_empty(), is_on) {
        (true, _) => unknown(),
        (false, true) => String::from("on"),
        (false, false) => String::from("off"),
    }
}

fn revision() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(here).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return unknown();
    };
    let is_clean = git(&["status", "--porcelain"]).is_some_and(|changes| changes.is_empty());
    if is_clean { revision } else { revision + "+" }
}

/// UTC to the minute, by the proleptic Gregorian calendar.
fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let minute_of_day = seconds % 86_400 / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute_of_day / 60, minute_of_day % 60)
}

/// Year, month and day of a day counted from 1970-01-01. Years run from March here, so that the
/// leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }

    #[test]
    fn the_accounting_of_interrupts_is_known_where_the_configuration_is() {
        assert_eq!(irq_time_accounting(""), "unknown");
        assert_eq!(irq_time_accounting("CONFIG_IRQ_TIME_ACCOUNTING=y\n"), "on");
        assert_eq!(irq_time_accounting("# CONFIG_IRQ_TIME_ACCOUNTING is not set\n"), "off");
    }

    #[test]
    fn the_environment_of_this_machine_is_known() {
        let environment = Environment::read("test").unwrap();
        assert!(environment.cores > 0);
        assert!(environment.memory_bytes > 0);
        assert_ne!(environment.kernel, "unknown");
    }
}
