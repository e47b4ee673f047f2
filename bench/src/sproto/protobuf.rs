//! The same messages for Protocol Buffers, with the types that one would choose there: `sint64`
//! where numbers may be negative, packed arrays of numbers.

use super::types;

/// Where somebody went.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Move {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(sint64, optional, tag = "2")]
    x: Option<i64>,
    #[prost(sint64, optional, tag = "3")]
    y: Option<i64>,
    #[prost(sint64, optional, tag = "4")]
    z: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    facing: Option<i64>,
}

/// What somebody said.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Chat {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(string, optional, tag = "2")]
    from: Option<String>,
    #[prost(int64, optional, tag = "3")]
    channel: Option<i64>,
    #[prost(string, optional, tag = "4")]
    text: Option<String>,
    #[prost(int64, optional, tag = "5")]
    at: Option<i64>,
}

/// What somebody carries.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Item {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(int64, optional, tag = "2")]
    kind: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    count: Option<i64>,
    #[prost(string, optional, tag = "4")]
    name: Option<String>,
    #[prost(bool, optional, tag = "5")]
    bound: Option<bool>,
}

/// What somebody can.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stats {
    #[prost(int64, optional, tag = "1")]
    strength: Option<i64>,
    #[prost(int64, optional, tag = "2")]
    agility: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    stamina: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    wisdom: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    health: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    health_max: Option<i64>,
}

/// Where somebody is.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Place {
    #[prost(int64, optional, tag = "1")]
    map: Option<i64>,
    #[prost(double, optional, tag = "2")]
    x: Option<f64>,
    #[prost(double, optional, tag = "3")]
    y: Option<f64>,
    #[prost(double, optional, tag = "4")]
    z: Option<f64>,
}

/// Who somebody is.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Sheet {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(int64, optional, tag = "3")]
    level: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    experience: Option<i64>,
    #[prost(message, optional, tag = "5")]
    stats: Option<Stats>,
    #[prost(message, optional, tag = "6")]
    place: Option<Place>,
    #[prost(string, optional, tag = "7")]
    guild: Option<String>,
    #[prost(string, repeated, tag = "8")]
    titles: Vec<String>,
    #[prost(int64, repeated, tag = "9")]
    skills: Vec<i64>,
    #[prost(message, repeated, tag = "10")]
    bag: Vec<Item>,
}

/// What somebody does.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entity {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(sint64, optional, tag = "2")]
    x: Option<i64>,
    #[prost(sint64, optional, tag = "3")]
    y: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    facing: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    health: Option<i64>,
}

/// What somebody sees.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Update {
    #[prost(int64, optional, tag = "1")]
    tick: Option<i64>,
    #[prost(message, repeated, tag = "2")]
    entities: Vec<Entity>,
}

impl From<types::Move> for Move {
    fn from(types::Move { id, x, y, z, facing }: types::Move) -> Self {
        Self { id, x, y, z, facing }
    }
}

impl From<types::Chat<String>> for Chat {
    fn from(types::Chat { id, from, channel, text, at }: types::Chat<String>) -> Self {
        Self { id, from, channel, text, at }
    }
}

impl From<types::Item<String>> for Item {
    fn from(types::Item { id, kind, count, name, bound }: types::Item<String>) -> Self {
        Self { id, kind, count, name, bound }
    }
}

impl From<types::Stats> for Stats {
    fn from(stats: types::Stats) -> Self {
        let types::Stats { strength, agility, stamina, wisdom, health, health_max } = stats;
        Self { strength, agility, stamina, wisdom, health, health_max }
    }
}

impl From<types::Place> for Place {
    fn from(types::Place { map, x, y, z }: types::Place) -> Self {
        Self { map, x, y, z }
    }
}

impl From<types::Sheet<String>> for Sheet {
    fn from(sheet: types::Sheet<String>) -> Self {
        let types::Sheet { id, name, level, experience, guild, .. } = sheet;
        Self {
            id,
            name,
            level,
            experience,
            stats: sheet.stats.map(Into::into),
            place: sheet.place.map(Into::into),
            guild,
            titles: sheet.titles.unwrap_or_default(),
            skills: sheet.skills.unwrap_or_default(),
            bag: sheet.bag.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

impl From<types::Entity> for Entity {
    fn from(types::Entity { id, x, y, facing, health }: types::Entity) -> Self {
        Self { id, x, y, facing, health }
    }
}

impl From<types::Update> for Update {
    fn from(types::Update { tick, entities }: types::Update) -> Self {
        let entities = entities.unwrap_or_default().into_iter().map(Into::into);
        Self { tick, entities: entities.collect() }
    }
}
