//! Which operations of a connection the driver has.

/// Operations in flight on a connection, at most one of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InFlight(u8);

impl InFlight {
    pub(crate) const RECEIVE: InFlight = InFlight(1);
    pub(crate) const SEND: InFlight = InFlight(2);
    pub(crate) const SHUT_DOWN: InFlight = InFlight(4);
    pub(crate) const CLOSE: InFlight = InFlight(8);
    pub(crate) const HAND_OVER: InFlight = InFlight(16);

    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }
    pub(crate) fn has(self, operation: InFlight) -> bool {
        self.0 & operation.0 != 0
    }
    /// Marks an operation as in flight.
    pub(crate) fn begin(&mut self, operation: InFlight) {
        debug_assert!(!self.has(operation), "one operation of a kind at a time");
        self.0 |= operation.0;
    }
    /// Marks an operation as over; false when it was not in flight.
    pub(crate) fn end(&mut self, operation: InFlight) -> bool {
        let was = self.has(operation);
        self.0 &= !operation.0;
        was
    }
}
