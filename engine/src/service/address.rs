//! Who a message is for: an address, a name, or a key of a class.

use std::fmt;
use std::sync::Arc;

use super::slab::Key as SlabKey;
use crate::driver::ShardIndex;

/// One service of this process, from its start to its end. Plain data: it may be kept, sent and
/// printed, and names nobody once its service has ended, for ever: no later service gets it again.
/// (Skynet reuses its 32-bit handles after 16 million services.)
///
/// ```
/// # use skyring::service::Address;
/// fn log(address: Address) {
///     println!("{address}"); // :1.0.17, say: shard, slot, and which life of the slot
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub(crate) shard: ShardIndex,
    pub(crate) key: SlabKey,
}

impl Address {
    /// The shard it runs on, for its whole life.
    pub fn shard(&self) -> ShardIndex {
        self.shard
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}.{}.{}", self.shard.0, self.key.slot, self.key.life)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of a service, or of a class of services. As in Skynet, one that begins with a dot is
/// *local*: every shard has services of its own under such names, and a message to one goes to that
/// of the sender's shard. Any other is *global*: one service of the whole process.
///
/// Cheap to clone. At most [`Name::BYTES_MAX`] bytes count; what is longer names nobody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Bytes of a name.
    pub const BYTES_MAX: usize = 255;

    /// A name. Any text will do.
    pub fn new(text: &str) -> Name {
        Name(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether each shard has its own service under this name.
    pub fn is_local(&self) -> bool {
        self.0.starts_with('.')
    }

    /// Whether somebody may be called so.
    pub(crate) fn is_fit(&self) -> bool {
        !self.0.is_empty() && self.0.len() <= Name::BYTES_MAX
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// One service of a keyed class: a room by its number, a player by name. It lives on the shard that
/// the key alone routes to, which for a player's uid is the shard of the player's session, and is
/// made by its first message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(crate) class: Name,
    pub(crate) key: Arc<[u8]>,
}

impl Key {
    /// Bytes of a key; a message to a longer one finds nobody.
    pub const BYTES_MAX: usize = 255;

    /// The service of this class for this key.
    pub fn new(class: impl Into<Name>, key: &[u8]) -> Key {
        Key { class: class.into(), key: key.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.class, self.key.escape_ascii())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who a message is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// This service.
    Address(Address),
    /// Whoever has this name when the message comes to where the name is known: here for a local
    /// one, on the shard that a global name routes to.
    Name(Name),
    /// The service of a class for a key.
    Key(Key),
}

impl From<Address> for Recipient {
    fn from(address: Address) -> Recipient {
        Recipient::Address(address)
    }
}

impl From<Name> for Recipient {
    fn from(name: Name) -> Recipient {
        Recipient::Name(name)
    }
}

impl From<&str> for Recipient {
    fn from(name: &str) -> Recipient {
        Recipient::Name(Name::new(name))
    }
}

impl From<&Name> for Recipient {
    fn from(name: &Name) -> Recipient {
        Recipient::Name(name.clone())
    }
}

impl From<Key> for Recipient {
    fn from(key: Key) -> Recipient {
        Recipient::Key(key)
    }
}

impl From<&Key> for Recipient {
    fn from(key: &Key) -> Recipient {
        Recipient::Key(key.clone())
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Address(address) => fmt::Display::fmt(address, f),
            Recipient::Name(name) => fmt::Display::fmt(name, f),
            Recipient::Key(key) => fmt::Display::fmt(key, f),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
