//! What the machine says about processes and about itself, from /proc.
//!
//! CPU time is that of the process's clock, in nanoseconds: the exact time on a processor, unlike
//! the ticks of `stat`, of all threads, those that have ended among them. What cannot be read is
//! none, never a guess.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Nanoseconds on a processor, all threads.
    pub cpu_ns: Option<u64>,
    /// Bytes of resident memory.
    pub resident_bytes: Option<u64>,
}

impl Sample {
    /// A process by its number.
    pub fn of(pid: u32) -> Sample {
        Sample { cpu_ns: cpu_ns(pid), resident_bytes: resident(&pid.to_string()) }
    }

    /// This process.
    pub fn of_self() -> Sample {
        Sample::of(std::process::id())
    }

    /// Two processes as if they were one; what one of them does not say is none.
    #[must_use]
    pub fn with(&self, other: &Sample) -> Sample {
        let sum = |one: Option<u64>, two: Option<u64>| one?.checked_add(two?);
        Sample {
            cpu_ns: sum(self.cpu_ns, other.cpu_ns),
            resident_bytes: sum(self.resident_bytes, other.resident_bytes),
        }
    }

    /// Nanoseconds on a processor since an earlier sample.
    pub fn cpu_ns_since(&self, earlier: &Sample) -> Option<u64> {
        self.cpu_ns?.checked_sub(earlier.cpu_ns?)
    }

    /// Bytes of resident memory more than in an earlier sample.
    pub fn resident_bytes_since(&self, earlier: &Sample) -> Option<u64> {
        self.resident_bytes?.checked_sub(earlier.resident_bytes?)
    }
}

/// The machine a run was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub loadgen: String,
    /// Revision of the source tree it was built in, as that is now; ends in `+` where the tree
    /// differs from it. `unknown` without the tree.
    #[serde(default = "unknown")]
    pub revision: String,
    /// Kernel release.
    pub kernel: String,
    /// Processors this process may run on.
    pub processors: usize,
    /// Their model.
    pub processor: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The kernel's congestion control.
    pub congestion: String,
    /// Descriptors of one ring.
    pub descriptors: u32,
    /// Seconds since 1970 when this was looked at, which is after the run.
    pub unix_seconds: u64,
}

impl Environment {
    /// Looks at this machine; `descriptors` is known to the plan.
    pub fn look(descriptors: u32) -> Environment {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Environment {
            loadgen: String::from(env!("CARGO_PKG_VERSION")),
            revision: revision(Path::new(env!("CARGO_MANIFEST_DIR"))),
            kernel: text("/proc/sys/kernel/osrelease"),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            memory_bytes: kilobytes("/proc/meminfo", "MemTotal").unwrap_or(0),
            congestion: text("/proc/sys/net/ipv4/tcp_congestion_control"),
            descriptors,
            unix_seconds: since.map_or(0, |since| since.as_secs()),
        }
    }
}

fn unknown() -> String {
    String::from("unknown")
}

/// What git says of a folder.
fn revision(folder: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) else { return unknown() };
    let is_clean = git(&["status", "--porcelain"]).is_some_and(|changes| changes.is_empty());
    if is_clean { revision } else { revision + "+" }
}

/// Ephemeral ports of one address.
pub fn ephemeral_ports() -> u32 {
    let range = text("/proc/sys/net/ipv4/ip_local_port_range");
    let mut bounds = range.split_whitespace().filter_map(|bound| bound.parse::<u32>().ok());
    match (bounds.next(), bounds.next()) {
        (Some(first), Some(last)) if first <= last => last - first + 1,
        _ => 28_232,
    }
}

fn cpu_ns(pid: u32) -> Option<u64> {
    // Zero would be this process, and so would be a number that does not fit.
    let number = i32::try_from(pid).ok().filter(|number| *number > 0)?;
    let now = clock_getcpuclockid(Pid::from_raw(number)).ok()?.now().ok()?;
    u64::try_from(Duration::from(now).as_nanos()).ok()
}

/// Nanoseconds that the calling thread has run, or waited for a processor.
pub fn thread_demand_ns() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    Some(numbers.next()?.ok()? + numbers.next()?.ok()?)
}

fn resident(pid: &str) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS")
}

fn kilobytes(path: &str, name: &str) -> Option<u64> {
    field(path, name)?.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().into())
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_processor_and_memory() {
        let before = Sample::of_self();
        let mut sum = 0_u64;
        // None when the thread of another test has ended since, and took its time along.
        while Sample::of_self().cpu_ns_since(&before).unwrap_or(0) < 2_000_000 {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
        assert!(before.resident_bytes.unwrap() > 100_000, "{sum}");
    }

    #[test]
    fn a_thread_that_ends_between_two_samples_still_counts() {
        const SPUN_NS: u64 = 20_000_000;
        let spin = || {
            let began = thread_demand_ns().unwrap();
            while thread_demand_ns().unwrap() < began + SPUN_NS {}
        };
        std::thread::spawn(spin).join().unwrap();
        let before = Sample::of_self();
        std::thread::spawn(spin).join().unwrap();
        assert!(Sample::of_self().cpu_ns_since(&before).unwrap() > 0);
        assert!(before.cpu_ns > Some(0));
    }

    #[test]
    fn a_process_that_does_not_exist_is_none() {
        assert_eq!(Sample::of(u32::MAX), Sample::default());
    }

    #[test]
    fn a_revision_is_a_hash_or_unknown() {
        let is_hash = |text: &str| {
            let hash = text.strip_suffix('+').unwrap_or(text);
            hash.len() >= 12 && hash.chars().all(|digit| digit.is_ascii_hexdigit())
        };
        let here = revision(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(is_hash(&here) || here == "unknown", "{here}");
        assert_eq!(revision(Path::new("/proc")), "unknown");
        assert_eq!(revision(Path::new("/nowhere")), "unknown");
    }

    #[test]
    fn the_machine_has_a_kernel_and_ports() {
        assert!(!Environment::look(1).kernel.is_empty());
        assert!(ephemeral_ports() > 1000);
    }
}
