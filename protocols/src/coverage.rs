//! Which rows of which tables have been taken.
//!
//! Every machine that is driven by a table says each step it takes. With the feature `coverage` the
//! steps of a thread are kept until somebody asks, for tests that want to know what they have tried;
//! without it saying so costs nothing.

use std::fmt::Debug;

/// A state of a machine that is driven by a table.
pub trait Table: Copy + PartialEq + Debug + Sized + 'static {
    /// What can happen to it.
    type Event: Copy + PartialEq + Debug + 'static;

    /// Every state, at most 16.
    const STATES: &'static [Self];
    /// Every event, at most 32.
    const EVENTS: &'static [Self::Event];

    /// The state after the event; none when the table has no such row.
    fn next(self, event: Self::Event) -> Option<Self>;
}

/// Implements [`Table`] for a state with lists and a function of the usual names.
macro_rules! table {
    ($state:ty, $event:ty) => {
        impl $crate::coverage::Table for $state {
            type Event = $event;
            const STATES: &'static [Self] = &Self::ALL;
            const EVENTS: &'static [$event] = &<$event>::ALL;

            fn next(self, event: $event) -> Option<Self> {
                self.after(event)
            }
        }
    };
}
pub(crate) use table;

/// Says that a machine takes a step. The name says which machine, and which half of it.
#[cfg(not(feature = "coverage"))]
#[inline(always)]
pub(crate) fn step<T: Table>(_machine: &'static str, _from: T, _event: T::Event) {}

#[cfg(feature = "coverage")]
pub(crate) use recorder::step;
#[cfg(feature = "coverage")]
pub use recorder::{Row, Steps, rows, take};

#[cfg(feature = "coverage")]
mod recorder {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::Table;

    /// Events by state, one bit each.
    type Marks = [u32; 16];

    /// The steps that machines have taken, by name.
    #[derive(Clone, Debug, Default)]
    pub struct Steps(BTreeMap<&'static str, Marks>);

    /// One row of a table.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Row {
        /// Number of the state.
        state: usize,
        /// Number of the event.
        event: usize,
        /// The state, the event and the next state, as they print.
        pub text: [String; 3],
    }

    thread_local! {
        static STEPS: RefCell<Steps> = RefCell::default();
    }

    pub(crate) fn step<T: Table>(machine: &'static str, from: T, event: T::Event) {
        let state = T::STATES.iter().position(|other| *other == from);
        let number = T::EVENTS.iter().position(|other| *other == event);
        let (state, number) = state.zip(number).expect("the lists of a table are complete");
        STEPS.with_borrow_mut(|steps| {
            steps.0.entry(machine).or_default()[state] |= 1 << number;
        });
    }

    /// The steps of this thread since it was last asked.
    #[must_use]
    pub fn take() -> Steps {
        STEPS.take()
    }

    /// Every row of a table, in its order.
    #[must_use]
    pub fn rows<T: Table>() -> Vec<Row> {
        let mut rows = Vec::new();
        for (state, from) in T::STATES.iter().enumerate() {
            for (event, what) in T::EVENTS.iter().enumerate() {
                if let Some(to) = from.next(*what) {
                    let text = [format!("{from:?}"), format!("{what:?}"), format!("{to:?}")];
                    rows.push(Row { state, event, text });
                }
            }
        }
        rows
    }

    impl Steps {
        /// Adds what another thread has seen.
        pub fn merge(&mut self, other: &Steps) {
            for (machine, marks) in &other.0 {
                let own = self.0.entry(machine).or_default();
                own.iter_mut().zip(marks).for_each(|(own, other)| *own |= other);
            }
        }

        /// Whether a machine has taken this step.
        #[must_use]
        pub fn has(&self, machine: &str, row: &Row) -> bool {
            self.0.get(machine).is_some_and(|marks| marks[row.state] & (1 << row.event) != 0)
        }

        /// The machines that have taken any step.
        pub fn machines(&self) -> impl Iterator<Item = &'static str> {
            self.0.keys().copied()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::login::state::{Event, State};

        #[test]
        fn steps_are_kept_by_machine_until_they_are_taken() {
            step("one", State::Challenge, Event::Challenge);
            let mut steps = take();
            step("other", State::Verdict, Event::Cut);
            steps.merge(&take());
            assert_eq!(steps.machines().collect::<Vec<_>>(), ["one", "other"]);
            let rows = rows::<State>();
            let seen = |machine| rows.iter().filter(|row| steps.has(machine, row)).count();
            assert_eq!((seen("one"), seen("other"), seen("third")), (1, 1, 0));
            assert_eq!(take().machines().count(), 0);
        }
    }
}
