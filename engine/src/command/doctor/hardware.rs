//! What the kernel says about the hardware: nodes, clocks, huge pages, network cards.
//!
//! Read from `/sys`, and `/proc/irq` for where interrupts go, so a test can lay out another machine
//! in a folder. Virtual machines and containers tell little of this; what is not told stays empty,
//! and its check is left out.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use skyring::cores;

/// What decides where shards, memory and interrupts should be.
#[derive(Clone, Debug, Default)]
pub(super) struct Hardware {
    /// Each node with processors: its number and theirs, by number.
    pub(super) nodes: Vec<(usize, Vec<usize>)>,
    /// Who chooses a processor's clock, by processor.
    pub(super) governors: Vec<(usize, String)>,
    /// When memory gets transparent huge pages: `always`, `madvise` or `never`.
    pub(super) huge_pages: Option<String>,
    /// Whether this process's environment makes glibc's heap ask for huge pages.
    pub(super) heap_asks: bool,
    /// Network cards that are up, by name. Devices without hardware behind them are left out.
    pub(super) cards: Vec<Card>,
}

/// A network card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Card {
    /// The device's name, such as `eth0`.
    pub(super) name: String,
    /// The node it is attached to.
    pub(super) node: Option<usize>,
    /// Receive queues. Each interrupts one processor at a time.
    pub(super) receive_queues: usize,
    /// Whether the kernel passes packets of some queue on to other processors (RPS).
    pub(super) spread: bool,
    /// Processors that take its interrupts, each once. Empty: the kernel does not tell.
    pub(super) interrupted: Vec<usize>,
}

impl Hardware {
    /// Reads the facts; `sys` and `proc` are where those file systems are mounted.
    pub(super) fn gather(sys: &Path, proc: &Path) -> Hardware {
        let nodes = numbered(&sys.join("devices/system/node"), "node").into_iter();
        let governors = numbered(&sys.join("devices/system/cpu"), "cpu").into_iter();
        let setting = text(&sys.join("kernel/mm/transparent_hugepage/enabled"));
        let tunables = env::var("GLIBC_TUNABLES").unwrap_or_default();
        Hardware {
            nodes: nodes
                .filter_map(|(node, path)| {
                    Some((node, cores::parse(&text(&path.join("cpulist"))?)))
                })
                .filter(|(_, processors)| !processors.is_empty())
                .collect(),
            governors: governors
                .filter_map(|(cpu, path)| {
                    Some((cpu, text(&path.join("cpufreq/scaling_governor"))?))
                })
                .collect(),
            huge_pages: setting.as_deref().and_then(chosen),
            heap_asks: tunables.split(':').any(|tunable| tunable == "glibc.malloc.hugetlb=1"),
            cards: cards(&sys.join("class/net"), &proc.join("irq")),
        }
    }
}

fn cards(net: &Path, irq: &Path) -> Vec<Card> {
    let up = |path: &PathBuf| text(&path.join("operstate")).as_deref() == Some("up");
    let real = |path: &PathBuf| path.join("device").exists();
    entries(net)
        .into_iter()
        .filter(|path| up(path) && real(path))
        .map(|at| card(&at, irq))
        .collect()
}

fn card(at: &Path, irq: &Path) -> Card {
    let queues = numbered(&at.join("queues"), "rx-");
    let on = |mask: String| mask.chars().any(|digit| !matches!(digit, '0' | ','));
    let spread = |path: &Path| text(&path.join("rps_cpus")).is_some_and(on);
    let device = slot(at);
    let mut interrupted: Vec<usize> = numbered(&device.join("msi_irqs"), "")
        .into_iter()
        .filter_map(|(number, _)| {
            let at = irq.join(number.to_string());
            let list = text(&at.join("effective_affinity_list"));
            list.or_else(|| text(&at.join("smp_affinity_list")))
        })
        .flat_map(|list| cores::parse(&list))
        .collect();
    interrupted.sort_unstable();
    interrupted.dedup();
    Card {
        name: at.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        node: text(&device.join("numa_node")).and_then(|node| node.parse().ok()),
        receive_queues: queues.len(),
        spread: queues.iter().any(|(_, path)| spread(path)),
        interrupted,
    }
}

/// Where the card sits. A virtio device sits in one that has the interrupts and the node.
fn slot(at: &Path) -> PathBuf {
    let device = at.join("device");
    let bus = fs::read_link(device.join("subsystem")).unwrap_or_default();
    if bus.ends_with("virtio") { device.join("..") } else { device }
}

/// The word in brackets: `always [madvise] never`.
fn chosen(setting: &str) -> Option<String> {
    Some(setting.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// What a folder holds, by name; nothing where there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The entries of a folder that are called so and a number, by number.
fn numbered(folder: &Path, name: &str) -> Vec<(usize, PathBuf)> {
    let number = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix(name)?.parse().ok();
    let all = entries(folder).into_iter();
    let mut found: Vec<_> = all.filter_map(|path| Some((number(&path)?, path))).collect();
    found.sort();
    found
}

fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder that is gone after the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("skyring-{name}-{}", std::process::id());
            let folder = Folder(env::temp_dir().join(name));
            fs::create_dir_all(&folder.0).expect("a temporary folder");
            folder
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            fs::write(path, format!("{text}\n")).expect("a file");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_machine_is_read_from_its_folders() {
        let folder = Folder::new("hardware");
        folder.write("devices/system/node/node0/cpulist", "0-1");
        folder.write("devices/system/node/node1/cpulist", "2-3");
        folder.write("devices/system/node/node2/cpulist", "");
        folder.write("devices/system/cpu/cpu10/cpufreq/scaling_governor", "powersave");
        folder.write("devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance");
        folder.write("kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
        let found = Hardware::gather(&folder.0, &folder.0);
        assert_eq!(found.nodes, [(0, vec![0, 1]), (1, vec![2, 3])]);
        let governors = [(2, String::from("performance")), (10, String::from("powersave"))];
        assert_eq!(found.governors, governors);
        assert_eq!(found.huge_pages.as_deref(), Some("madvise"));
        assert_eq!(found.cards, []);
    }

    #[test]
    fn cards_are_read_with_their_interrupts() {
        let folder = Folder::new("cards");
        folder.write("class/net/lo/operstate", "up");
        folder.write("class/net/eth1/operstate", "down");
        folder.write("class/net/eth1/device/numa_node", "0");
        folder.write("class/net/eth0/operstate", "up");
        folder.write("class/net/eth0/device/numa_node", "1");
        folder.write("class/net/eth0/device/msi_irqs/38", "msix");
        folder.write("class/net/eth0/device/msi_irqs/39", "msix");
        folder.write("class/net/eth0/queues/rx-0/rps_cpus", "00000000,00000000");
        folder.write("class/net/eth0/queues/rx-1/rps_cpus", "00000000,0000000c");
        folder.write("irq/38/effective_affinity_list", "3");
        folder.write("irq/39/smp_affinity_list", "2-3");
        let card = Card {
            name: String::from("eth0"),
            node: Some(1),
            receive_queues: 2,
            spread: true,
            interrupted: vec![2, 3],
        };
        assert_eq!(Hardware::gather(&folder.0, &folder.0).cards, [card]);
    }

    #[test]
    fn a_virtio_card_has_its_interrupts_one_folder_up() {
        let folder = Folder::new("virtio");
        folder.write("pci/msi_irqs/7", "msix");
        folder.write("pci/numa_node", "-1");
        folder.write("pci/virtio2/features", "");
        folder.write("class/net/eth0/operstate", "up");
        let link = |to: &str, at: &str| symlink(to, folder.0.join(at)).expect("a link");
        link("../bus/virtio", "pci/virtio2/subsystem");
        link("../../../pci/virtio2", "class/net/eth0/device");
        folder.write("irq/7/effective_affinity_list", "1");
        let cards = Hardware::gather(&folder.0, &folder.0).cards;
        assert_eq!((cards[0].node, cards[0].interrupted.as_slice()), (None, [1].as_slice()));
    }

    #[test]
    fn a_machine_that_tells_nothing_is_no_error() {
        let nowhere = Path::new("/does/not/exist");
        let found = Hardware::gather(nowhere, nowhere);
        assert!(found.nodes.is_empty() && found.governors.is_empty() && found.cards.is_empty());
        assert_eq!(found.huge_pages, None);
        assert_eq!(chosen("nonsense"), None);
    }
}
