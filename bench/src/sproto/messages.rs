//! The messages that are compared: their schema, and one value of each.
//!
//! Numbers and strings are what a game would send: ids of four bytes, coordinates on both sides of
//! zero, small counts, short names.

use super::types::{Chat, Entity, Item, Move, Place, Sheet, Stats, Text, Update};

/// What Skynet's side of a game would have.
pub const SCHEMA: &str = "
.Move { id 0 : integer x 1 : integer y 2 : integer z 3 : integer facing 4 : integer }
.Chat { id 0 : integer from 1 : string channel 2 : integer text 3 : string at 4 : integer }
.Item { id 0 : integer kind 1 : integer count 2 : integer name 3 : string bound 4 : boolean }
.Stats {
    strength 0 : integer agility 1 : integer stamina 2 : integer
    wisdom 3 : integer health 4 : integer health_max 5 : integer
}
.Place { map 0 : integer x 1 : double y 2 : double z 3 : double }
.Sheet {
    id 0 : integer name 1 : string level 2 : integer experience 3 : integer
    stats 4 : Stats place 5 : Place guild 6 : string
    titles 7 : *string skills 8 : *integer bag 9 : *Item
}
.Entity { id 0 : integer x 1 : integer y 2 : integer facing 3 : integer health 4 : integer }
.Update { tick 0 : integer entities 1 : *Entity }
";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Five integers.
    Move,
    /// Two strings and three integers.
    Chat,
    /// A character, with structs in it and a hundred items.
    Sheet,
    /// What two hundred entities in sight do.
    Update,
}

impl Message {
    /// All, in the order of the reports.
    pub const ALL: [Self; 4] = [Self::Move, Self::Chat, Self::Sheet, Self::Update];

    /// As on command lines and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Chat => "chat",
            Self::Sheet => "sheet",
            Self::Update => "update",
        }
    }

    /// As in the schema.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Chat => "Chat",
            Self::Sheet => "Sheet",
            Self::Update => "Update",
        }
    }

    /// Whether it takes thousands of instructions.
    #[must_use]
    pub fn is_large(self) -> bool {
        matches!(self, Self::Sheet | Self::Update)
    }

    /// The message of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

fn text<S: Text<'static>>(text: &'static str) -> S {
    S::of(text.as_bytes()).expect("it is text")
}

/// Where somebody went.
pub(super) fn movement() -> Move {
    Move { id: Some(1_000_123), x: Some(12_345), y: Some(-20_480), z: Some(77), facing: Some(270) }
}

/// What somebody said.
pub(super) fn chat<S: Text<'static>>() -> Chat<S> {
    Chat {
        id: Some(1_000_123),
        from: Some(text("Aurelia")),
        channel: Some(3),
        text: Some(text("anyone for the old mine tonight? two more wanted, a healer best")),
        at: Some(1_764_201_600_123),
    }
}

/// Who somebody is.
pub(super) fn sheet<S: Text<'static>>() -> Sheet<S> {
    Sheet {
        id: Some(1_000_123),
        name: Some(text("Aurelia")),
        level: Some(57),
        experience: Some(8_912_345),
        stats: Some(Stats {
            strength: Some(41),
            agility: Some(118),
            stamina: Some(96),
            wisdom: Some(64),
            health: Some(38_402),
            health_max: Some(41_250),
        }),
        place: Some(Place { map: Some(12), x: Some(-1043.25), y: Some(88.5), z: Some(3.125) }),
        guild: Some(text("The Lanterns")),
        titles: Some(["the Patient", "Warden of the Ford"].map(text).into()),
        skills: Some((0..24).map(|index| 100 + index * 37).collect()),
        bag: Some((0..100).map(item).collect()),
    }
}

/// What somebody carries in a place of the bag.
fn item<S: Text<'static>>(place: i64) -> Item<S> {
    const NAMES: [&str; 8] =
        ["torch", "iron sword", "rope", "elixir", "map of the ford", "coin", "bread", "lantern"];
    Item {
        id: Some(70_000_000 + place * 7_919),
        kind: Some(200 + place * 13 % 1_000),
        count: Some(1 + place % 20),
        name: Some(text(NAMES[place as usize % NAMES.len()])),
        bound: Some(place % 3 == 0),
    }
}

/// What somebody sees.
pub(super) fn update() -> Update {
    let entity = |index: i64| Entity {
        id: Some(1_000_000 + index * 31),
        x: Some(12_000 + index * 97 % 900),
        y: Some(index * 53 % 700 - 350),
        facing: Some(index * 17 % 360),
        health: Some(if index % 4 == 0 { 100 } else { 30_000 + index * 101 }),
    };
    Update { tick: Some(48_213_777), entities: Some((0..200).map(entity).collect()) }
}
