//! How much memory the process may use: the machine's, or less where a control group says so.
//!
//! Limits of groups are those of version 2 (`memory.max`) and version 1 (`memory.limit_in_bytes`), of the
//! group that the process is in and of every group above it, as far as they are mounted at the usual
//! place. Nothing is assumed of swap.

use std::fs;
use std::path::Path;

/// What is taken for the machine's memory where the kernel does not tell it.
const UNKNOWN_BYTES: u64 = 1 << 30;

/// Bytes of memory that the process may use.
pub fn available_bytes() -> u64 {
    available_bytes_at(Path::new("/"))
}

/// As [`available_bytes`], with another root for `/proc` and `/sys`.
fn available_bytes_at(root: &Path) -> u64 {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok();
    let machine = machine.as_deref().and_then(total_bytes).unwrap_or(UNKNOWN_BYTES);
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.fold(machine, u64::min)
}

/// The machine's memory, from the text of `/proc/meminfo`.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The limits that a line of `/proc/self/cgroup` leads to: `number:controllers:/path`, without
/// controllers in version 2.
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        names if names.split(',').any(|name| name == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let group = Path::new(path.trim_start_matches('/'));
    let limit = |group: &Path| {
        let text = fs::read_to_string(root.join(mount).join(group).join(file)).ok()?;
        // `max` is no number, and no limit.
        text.trim().parse().ok()
    };
    group.ancestors().filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of 4 GiB whose process is in this group, and files of limits.
    fn machine(name: &str, group: &str, limits: &[(&str, &str)]) -> u64 {
        let root = std::env::temp_dir().join(format!("skyring-ram-{name}-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/meminfo", "MemTotal:        4194304 kB\nMemFree:   1 kB\n");
        write("proc/self/cgroup", group);
        limits.iter().for_each(|(path, text)| write(path, text));
        let bytes = available_bytes_at(&root);
        fs::remove_dir_all(&root).unwrap();
        bytes
    }

    #[test]
    fn the_tightest_limit_counts() {
        let file = "sys/fs/cgroup/a/b/memory.max";
        let above = "sys/fs/cgroup/a/memory.max";
        let group = "0::/a/b\n";
        assert_eq!(machine("none", group, &[(file, "max\n")]), 4 << 30);
        assert_eq!(machine("own", group, &[(file, "1048576\n"), (above, "2097152\n")]), 1 << 20);
        assert_eq!(machine("above", group, &[(file, "max\n"), (above, "2097152\n")]), 2 << 20);
        assert_eq!(machine("more", group, &[(file, "9999999999999\n")]), 4 << 30);
    }

    #[test]
    fn version_1_has_its_own_tree() {
        let groups = "9:cpu,cpuacct:/a\n4:memory:/a\n";
        let file = "sys/fs/cgroup/memory/a/memory.limit_in_bytes";
        assert_eq!(machine("one", groups, &[(file, "1048576\n")]), 1 << 20);
        assert_eq!(machine("absent", groups, &[]), 4 << 30);
    }

    #[test]
    fn this_machine_tells() {
        assert!(available_bytes() > 1 << 20);
    }
}
