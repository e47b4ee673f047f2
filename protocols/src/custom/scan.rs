//! A look at content before anything is made of it: how deep it is and how many values it has
//! (WIRE P6).
//!
//! The libraries that read it bound how deep they go and reserve no memory for what a length claims.
//! They do not bound how many values they make, and a value may take a hundred times its bytes.
//! Nothing here recurses or allocates with the content.

use super::error::UnpackError;
use super::limits::ContentLimits;

/// Counts down.
struct Budget<'l> {
    limits: &'l ContentLimits,
    values_left: u32,
    depth: u32,
}

impl<'l> Budget<'l> {
    fn new(limits: &'l ContentLimits) -> Self {
        Self { limits, values_left: limits.values_max, depth: 0 }
    }

    fn values(&mut self, count: u64) -> Result<(), UnpackError> {
        let left = u64::from(self.values_left).checked_sub(count);
        let left = left.ok_or(UnpackError::TooManyValues { max: self.limits.values_max })?;
        self.values_left = u32::try_from(left).expect("less than before");
        Ok(())
    }

    fn enter(&mut self) -> Result<(), UnpackError> {
        let max = self.limits.depth();
        if self.depth >= max {
            return Err(UnpackError::TooDeep { max });
        }
        self.depth += 1;
        Ok(())
    }
}

/// Whether JSON is within the limits. What is no JSON may pass; what passes has at most as many
/// values, and goes at most as deep, up to where it ceases to be JSON.
pub(super) fn json(content: &[u8], limits: &ContentLimits) -> Result<(), UnpackError> {
    let mut budget = Budget::new(limits);
    budget.values(1)?;
    let mut rest = content.iter();
    let mut is_inside_string = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => is_inside_string = !is_inside_string,
            b'\\' if is_inside_string => drop(rest.next()),
            _ if is_inside_string => {}
            b'[' | b'{' => {
                budget.enter()?;
                budget.values(1)?;
            }
            b']' | b'}' => budget.depth = budget.depth.saturating_sub(1),
            b',' | b':' => budget.values(1)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether MessagePack is one whole value within the limits.
pub(super) fn msgpack(content: &[u8], limits: &ContentLimits) -> Result<(), UnpackError> {
    let mut budget = Budget::new(limits);
    budget.values(1)?;
    // How many values each open array or map still waits for; as deep as the limit at most.
    let mut open = vec![1_u64];
    let mut rest = content;
    while let Some(waits) = open.last_mut() {
        let Some(left) = waits.checked_sub(1) else {
            open.pop();
            budget.depth = budget.depth.saturating_sub(1);
            continue;
        };
        *waits = left;
        let (bytes, inside) = head(&mut rest)?;
        rest = rest.get(bytes..).ok_or(UnpackError::Cut)?;
        if let Some(values) = inside {
            budget.enter()?;
            budget.values(values)?;
            open.push(values);
        }
    }
    match rest.len() {
        0 => Ok(()),
        bytes => Err(UnpackError::Trailing { bytes }),
    }
}

/// Takes a value's head; how many bytes it goes on for, and how many values are inside it.
fn head(rest: &mut &[u8]) -> Result<(usize, Option<u64>), UnpackError> {
    let marker = number(rest, 1)?;
    Ok(match marker {
        0x80..=0x8f => (0, Some(2 * (marker & 0x0f))),
        0x90..=0x9f => (0, Some(marker & 0x0f)),
        0xa0..=0xbf => ((marker & 0x1f) as usize, None),
        0xc4..=0xc6 => (length(rest, 1 << (marker - 0xc4))?, None),
        0xc7..=0xc9 => (length(rest, 1 << (marker - 0xc7))?.saturating_add(1), None),
        0xca => (4, None),
        0xcb => (8, None),
        0xcc..=0xcf => (1 << (marker - 0xcc), None),
        0xd0..=0xd3 => (1 << (marker - 0xd0), None),
        0xd4..=0xd8 => (1 + (1 << (marker - 0xd4)), None),
        0xd9..=0xdb => (length(rest, 1 << (marker - 0xd9))?, None),
        0xdc | 0xdd => (0, Some(number(rest, 2 << (marker - 0xdc))?)),
        0xde | 0xdf => (0, Some(2 * number(rest, 2 << (marker - 0xde))?)),
        // Small integers, nil, booleans, and the one byte that is nothing, which the reader refuses.
        _ => (0, None),
    })
}

fn length(rest: &mut &[u8], bytes: usize) -> Result<usize, UnpackError> {
    number(rest, bytes).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// Takes a number of so many bytes, BE.
fn number(rest: &mut &[u8], bytes: usize) -> Result<u64, UnpackError> {
    let (number, behind) = rest.split_at_checked(bytes).ok_or(UnpackError::Cut)?;
    *rest = behind;
    Ok(number.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
