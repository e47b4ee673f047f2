//! What is read from the kernel about the server, the generator and the machine.

pub mod calls;
pub mod cores;
pub mod environment;
pub mod memory;
pub mod times;
pub mod yardstick;
