//! HTTP/1.1.

pub mod form;
pub mod host;
pub mod url;
