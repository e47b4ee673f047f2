//! What is read from the kernel about the server, the generator and the machine.

pub mod calls;
pub mod cores;
pub mod environment;
pub mod machine;
pub mod memory;
pub mod reading;
pub mod times;
pub mod yardstick;
