//! Protocols: what is registered, what is called, and what hostile content costs.

mod contents;
mod hostile;
mod registered;
