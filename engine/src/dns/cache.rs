//! What servers have said, for as long as they said it holds.
//!
//! One entry for each name and family. When there are too many, those that are over go, and if
//! there are none, the one that would be over first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::error::DnsError;
use super::message::Family;

/// What is known of one family of a name: its addresses, or why there are none.
pub(super) type Known = Result<Rc<[IpAddr]>, DnsError>;

#[derive(Debug)]
struct Entry {
    known: Known,
    /// Holds before this instant.
    until_ms: u64,
}

#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<(String, Family), Entry>,
    count_max: usize,
}

impl Cache {
    pub(super) fn new(count_max: usize) -> Cache {
        Cache { entries: HashMap::new(), count_max }
    }

    pub(super) fn get(&self, name: &str, family: Family, now_ms: u64) -> Option<Known> {
        let entry = self.entries.get(&(name.to_owned(), family))?;
        (now_ms < entry.until_ms).then(|| entry.known.clone())
    }

    /// Remembers something for so many milliseconds.
    pub(super) fn put(
        &mut self,
        name: &str,
        family: Family,
        known: Known,
        ttl_ms: u64,
        now_ms: u64,
    ) {
        if ttl_ms == 0 || self.count_max == 0 {
            return;
        }
        let key = (name.to_owned(), family);
        if self.entries.len() >= self.count_max && !self.entries.contains_key(&key) {
            self.make_room(now_ms);
        }
        self.entries.insert(key, Entry { known, until_ms: now_ms.saturating_add(ttl_ms) });
    }

    fn make_room(&mut self, now_ms: u64) {
        self.entries.retain(|_, entry| now_ms < entry.until_ms);
        if self.entries.len() >= self.count_max {
            let first = self.entries.iter().min_by_key(|(key, entry)| (entry.until_ms, *key));
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                self.entries.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(number: u8) -> Known {
        Ok(Rc::from([IpAddr::from([10, 0, 0, number])]))
    }

    #[test]
    fn an_answer_holds_until_its_time_is_over() {
        let mut cache = Cache::new(4);
        cache.put("a", Family::Four, known(1), 10, 100);
        cache.put("a", Family::Six, Err(DnsError::NoAddress), 5, 100);
        assert_eq!(cache.get("a", Family::Four, 109), Some(known(1)));
        assert_eq!(cache.get("a", Family::Four, 110), None);
        assert_eq!(cache.get("a", Family::Six, 104), Some(Err(DnsError::NoAddress)));
        assert_eq!(cache.get("b", Family::Four, 100), None);
        cache.put("b", Family::Four, known(2), 0, 100);
        assert_eq!(cache.get("b", Family::Four, 100), None, "not to be remembered");
    }

    #[test]
    fn the_count_is_bounded_and_the_oldest_goes_first() {
        let mut cache = Cache::new(3);
        for (number, ttl_ms) in [(0u8, 50), (1, 20), (2, 90)] {
            cache.put(&number.to_string(), Family::Four, known(number), ttl_ms, 0);
        }
        cache.put("3", Family::Four, known(3), 70, 10);
        assert_eq!(cache.entries.len(), 3);
        assert_eq!(cache.get("1", Family::Four, 10), None, "it would have been over first");
        cache.put("4", Family::Four, known(4), 70, 60);
        assert_eq!(cache.get("0", Family::Four, 40), None, "it was over");
        assert_eq!(cache.get("2", Family::Four, 60), Some(known(2)));
        cache.put("2", Family::Four, known(5), 70, 60);
        assert_eq!(cache.entries.len(), 3, "in its own place");
    }
}
