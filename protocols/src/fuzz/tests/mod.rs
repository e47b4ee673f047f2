//! Tests of the targets as a whole.

mod seeds;
