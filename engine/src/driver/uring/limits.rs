//! Limits of the process that bound what rings can hold.
//!
//! A ring's descriptor table may have as many slots as the soft descriptor limit at the moment of
//! its registration, and no more than 2^20. Direct descriptors do not count against that limit
//! themselves: every shard's table may be that large. So the limit is raised once, before the first
//! ring, and a box with a low hard limit runs more shards.

#![allow(unsafe_code)]

use std::io;

/// Slots that the kernel allows in a table at most.
pub const SLOTS_MAX: u32 = 1 << 20;

/// Raises the soft descriptor limit to the hard one and returns it.
///
/// # Errors
/// The operating system's; the limit is then what it was.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    raise(libc::RLIMIT_NOFILE)
}

/// Raises the soft limit of locked memory, in bytes, to the hard one and returns it.
///
/// # Errors
/// The operating system's; the limit is then what it was.
pub fn raise_locked_memory_limit() -> io::Result<u64> {
    raise(libc::RLIMIT_MEMLOCK)
}

/// The soft descriptor limit now.
///
/// # Errors
/// The operating system's.
pub fn descriptor_limit() -> io::Result<u64> {
    Ok(read(libc::RLIMIT_NOFILE)?.rlim_cur)
}

/// Slots that a table asked to have `slots` gets: 0 asks for as many as the limits allow.
///
/// # Errors
/// The operating system's, when the limit cannot be read.
pub fn slots_allowed(slots: u32) -> io::Result<u32> {
    let limit = u32::try_from(descriptor_limit()?).unwrap_or(SLOTS_MAX).min(SLOTS_MAX);
    Ok(if slots == 0 { limit } else { slots.min(limit) })
}

fn raise(resource: libc::__rlimit_resource_t) -> io::Result<u64> {
    let mut limit = read(resource)?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the kernel reads one `rlimit`, which lives across the call.
        if unsafe { libc::setrlimit(resource, &limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

fn read(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`, which lives across the call.
    if unsafe { libc::getrlimit(resource, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_reaches_the_hard_limit_and_stays_there() {
        let raised = raise_descriptor_limit().unwrap();
        assert_eq!(descriptor_limit().unwrap(), raised);
        assert_eq!(raise_descriptor_limit().unwrap(), raised);
        raise_locked_memory_limit().unwrap();
    }

    #[test]
    fn a_table_gets_what_it_asks_for_within_the_limits() {
        let all = slots_allowed(0).unwrap();
        assert!(all > 0 && all <= SLOTS_MAX);
        assert_eq!(slots_allowed(16).unwrap(), 16);
        assert_eq!(slots_allowed(u32::MAX).unwrap(), all);
    }
}
