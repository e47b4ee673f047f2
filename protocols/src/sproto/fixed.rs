//! Fixed-point numbers: an integer that is so many powers of ten of what it means (WIRE S8).

use super::error::EncodeError;

/// The integer that stands for a fixed-point number (WIRE S8).
pub(super) fn to_fixed(tag: u16, value: f64, decimals: u8) -> Result<i64, EncodeError> {
    /// 2⁶³, the first number that has no place.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let scaled = (value * power_of_ten(decimals)).round();
    if (-END..END).contains(&scaled) { Ok(scaled as i64) } else { Err(EncodeError::Fixed { tag }) }
}

/// 10ⁿ, exactly up to the 22nd.
pub(super) fn power_of_ten(decimals: u8) -> f64 {
    10_f64.powi(i32::from(decimals))
}
