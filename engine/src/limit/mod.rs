//! How often an address, a user or a session may do something.
//!
//! [`bucket`] is one limit, [`table`] many of them in bounded memory, [`meter`] what one session sends,
//! and [`rates`] what a listener's settings ask for. All are given the time; none acts by itself.

mod bucket;
mod meter;
mod rates;
mod table;

pub(crate) use bucket::{Bucket, Rate};
pub(crate) use meter::Meter;
pub(crate) use rates::{MeterRates, Rates};
pub(crate) use table::RateTable;
