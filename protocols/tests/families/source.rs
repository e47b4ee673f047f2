//! Where recordings come from, and what a family of them is.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// One folder of recordings and how to try them.
pub(crate) struct Family {
    /// Name of the folder.
    pub(crate) name: &'static str,
    /// Every file in it, without `.json`.
    pub(crate) files: &'static [&'static str],
    /// Tries all cases of one file; a line for every case that went wrong.
    pub(crate) replay_file: fn(&str) -> Vec<String>,
}

impl Family {
    /// Tries every file and fails with the list of all that went wrong.
    pub(crate) fn replay(&self) {
        let wrong: Vec<String> = self
            .files
            .iter()
            .flat_map(|file| {
                let lines = (self.replay_file)(file);
                lines.into_iter().map(move |line| format!("{}/{file}: {line}", self.name))
            })
            .collect();
        assert!(wrong.is_empty(), "{} cases went wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// Reads one file. A missing or unreadable one is a failure that names it.
pub(crate) fn read<T: DeserializeOwned>(family: &str, file: &str) -> T {
    let path = folder().join(family).join(file).with_extension("json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("recording {}: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("recording {}: {error}", path.display()))
}

/// The bytes of lower-case hexadecimal text. Independent of the crate under test.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "odd hexadecimal text {hex:?}");
    let pair = |start| u8::from_str_radix(&hex[start..start + 2], 16);
    (0..hex.len())
        .step_by(2)
        .map(|start| pair(start).unwrap_or_else(|error| panic!("{hex:?}: {error}")))
        .collect()
}

/// Eight bytes of hexadecimal text.
pub(crate) fn key(hex: &str) -> [u8; 8] {
    bytes(hex).try_into().unwrap_or_else(|_| panic!("{hex:?} is not 8 bytes"))
}

/// Family and file name of everything in the committed folder.
pub(crate) fn committed_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for family in std::fs::read_dir(committed_folder()).unwrap() {
        let family = family.unwrap();
        for file in std::fs::read_dir(family.path()).unwrap() {
            let name = |entry: &std::fs::DirEntry| entry.file_name().into_string().unwrap();
            files.push((name(&family), name(&file.unwrap())));
        }
    }
    files
}

/// Whether the committed recordings are replayed, of which everything is known.
pub(crate) fn is_committed() -> bool {
    std::env::var_os("SKYRING_VECTORS").is_none()
}

fn folder() -> PathBuf {
    std::env::var_os("SKYRING_VECTORS").map_or_else(committed_folder, PathBuf::from)
}

fn committed_folder() -> PathBuf {
    // Also right for the engine's tests, which replay the same recordings.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocols/tests/vectors")
}
