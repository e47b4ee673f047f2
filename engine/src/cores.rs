//! The processors this process may run on.

use std::fs;

/// Processor numbers, in order; at least one.
pub fn allowed() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let cores = list.map_or_else(Vec::new, |list| parse(list.trim()));
    if cores.is_empty() { vec![0] } else { cores }
}

/// Reads a list such as `0-3,8`, the kernel's way to name processors. What is no number or range is
/// left out.
pub fn parse(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<usize>().ok()?..=last.trim().parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        assert_eq!(parse("0-3,8"), [0, 1, 2, 3, 8]);
        assert_eq!(parse("5"), [5]);
        assert!(parse("nonsense").is_empty());
        assert!(!allowed().is_empty());
    }
}
