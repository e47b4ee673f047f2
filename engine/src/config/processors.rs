//! Which processors this process may run on.
//!
//! The kernel tells it in `/proc/self/status`, as the process's affinity mask allows it: that is
//! what a container's or a `taskset`'s limits leave. The list has the form `0-3,8`.

use std::fs;

/// The numbers of the processors that the process may run on, rising. Empty if the kernel does not
/// tell.
pub fn processors_allowed() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(parse_list).unwrap_or_default()
}

fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut processors = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        processors.extend(first..=last);
    }
    Some(processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_ranges_and_single_numbers() {
        assert_eq!(parse_list("\t0-2,5,7-8\n"), Some(vec![0, 1, 2, 5, 7, 8]));
        assert_eq!(parse_list("3"), Some(vec![3]));
        assert_eq!(parse_list("x"), None);
    }

    #[test]
    fn this_process_may_run_somewhere() {
        assert!(!processors_allowed().is_empty());
    }
}
