//! This process and its processors at one instant.
//!
//! As in `measure::reading`, time of a processor that none of our threads ran is somebody else's. Here
//! caller and callee are threads of one process, so what is ours is counted by thread, each on the
//! processor that it is pinned to.

use std::fs;
use std::io;

use crate::measure::cores::{CoreReading, CoreUse};
use crate::measure::reading::Processors;
use crate::measure::times::{self, Times};

/// See the file's header.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Before the processors were read, which takes milliseconds, and after that. What lies between
    /// belongs to nobody's measurement.
    process: [Times; 2],
    /// Those in use: what each did, and for how long threads of ours ran on it.
    cores: Vec<(CoreReading, u64)>,
    stolen_ticks: u64,
}

impl Snapshot {
    /// Reads everything.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(super) fn take(cores: &[usize]) -> io::Result<Snapshot> {
        let process = || Times::of_process(std::process::id());
        let (begins, threads) = (process()?, threads()?);
        let read = |core: &usize| {
            let ours = threads.iter().filter(|thread| thread.0 == *core);
            Ok((CoreReading::take(*core)?, ours.map(|thread| thread.1).sum()))
        };
        Ok(Snapshot {
            cores: cores.iter().map(read).collect::<io::Result<_>>()?,
            stolen_ticks: times::stolen_ticks()?,
            process: [begins, process()?],
        })
    }

    /// What happened since an earlier one of the same processors. The process is the server; the
    /// callee's processor, where it has one of its own, stands in the generator's place.
    pub(super) fn since(&self, earlier: &Snapshot) -> Processors {
        let process = self.process[0].since(earlier.process[1]);
        let mut uses = self.cores.iter().zip(&earlier.cores).map(|(now, before)| {
            let own_ns = now.1.saturating_sub(before.1);
            now.0.since(before.0, own_ns)
        });
        let mut next = || uses.next().unwrap_or_else(CoreUse::default);
        Processors {
            server_ran_ns: process.ran_ns,
            server_waited_ns: process.waited_ns,
            server_core: next(),
            generator_core: next(),
            // A tick is 10 ms wherever /proc/stat is concerned.
            stolen_seconds: self.stolen_ticks.saturating_sub(earlier.stolen_ticks) as f64 / 100.0,
            ..Processors::default()
        }
    }
}

/// The processor of every thread, and for how long it has run.
fn threads() -> io::Result<Vec<(usize, u64)>> {
    let mut found = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let path = thread?.path();
        // A thread may end between the listing and the reading.
        let read = |name| fs::read_to_string(path.join(name)).unwrap_or_default();
        let ran_ns = read("schedstat").split_whitespace().next().and_then(|it| it.parse().ok());
        found.extend(processor(&read("stat")).zip(ran_ns));
    }
    Ok(found)
}

/// The processor that a thread ran on last, which is column 39 of its `stat`.
fn processor(stat: &str) -> Option<usize> {
    // The name, column 2, may have spaces in it.
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(39 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_of_a_thread_is_found_behind_its_name() {
        let columns: Vec<String> = (3..=52).map(|column: u32| column.to_string()).collect();
        let stat = format!("12 (a (b) c) {}\n", columns.join(" "));
        assert_eq!(processor(&stat), Some(39));
        assert_eq!(processor(""), None);
    }

    #[test]
    fn time_of_a_pinned_thread_is_its_processors() {
        let core = crate::host::cores().unwrap()[0];
        let used = std::thread::spawn(move || {
            crate::host::pin(core).unwrap();
            let before = Snapshot::take(&[core]).unwrap();
            let start = std::time::Instant::now();
            while start.elapsed().as_millis() < 30 {
                std::hint::black_box(0);
            }
            Snapshot::take(&[core]).unwrap().since(&before)
        });
        let used = used.join().unwrap();
        assert!(used.server_core.own_ns > 0 && used.server_ran_ns > 0, "{used:?}");
        assert_eq!(used.generator_core, CoreUse::default());
    }
}
