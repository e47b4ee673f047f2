//! Choices drawn from the bytes of a fuzzer.

/// Bytes that decide, and are used up. When there are none left every choice is the first one, so
/// whatever is drawn from comes to an end.
pub(crate) struct Draw<'d> {
    rest: &'d [u8],
}

impl<'d> Draw<'d> {
    pub(crate) fn new(rest: &'d [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// At most this many bytes, as they are.
    pub(crate) fn bytes(&mut self, count_max: usize) -> &'d [u8] {
        let count = self.below(count_max + 1).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(count);
        self.rest = rest;
        bytes
    }

    /// All that is left.
    pub(crate) fn all(self) -> &'d [u8] {
        self.rest
    }
}
