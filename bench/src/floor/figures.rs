//! What follows from a record: medians and ratios of neighbours.

use super::record::{Cell, Record};
use crate::figure::Figure;

/// What is read off a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Microseconds of server processor time a message.
    Cpu,
    /// The same as a multiple of the yardstick.
    Rel,
    /// Messages a second.
    Rate,
    /// Share of its processor that the server used.
    Busy,
    /// System calls a message.
    Calls,
    /// Median response time in microseconds.
    P50,
    /// 99th percentile.
    P99,
    /// 99.9th percentile.
    P999,
}

impl Measure {
    /// Its value in a cell, if it was measured.
    pub fn of(self, cell: &Cell) -> Option<f64> {
        Some(match self {
            Measure::Cpu => cell.cpu_us(),
            Measure::Rel => cell.rel(),
            Measure::Rate => cell.rate(),
            Measure::Busy => cell.server_busy(),
            Measure::Calls => return cell.calls_per_message,
            Measure::P50 => cell.response.p50_us,
            Measure::P99 => cell.response.p99_us,
            Measure::P999 => cell.response.p999_us,
        })
    }
}

/// A measure of a server in a scenario.
pub fn value(record: &Record, measure: Measure, scenario: &str, server: &str) -> Option<Figure> {
    value_of(record, measure, scenario, server, |_| true)
}

/// The same from those cells only that `has_part` takes.
pub(crate) fn value_of(
    record: &Record,
    measure: Measure,
    scenario: &str,
    server: &str,
    has_part: impl Fn(&Cell) -> bool,
) -> Option<Figure> {
    let samples: Vec<(f64, bool)> = cells(record, scenario, server)
        .filter(|cell| has_part(cell))
        .filter_map(|cell| Some((measure.of(cell)?, cell.is_void())))
        .collect();
    Figure::of(&samples)
}

/// A measure of one server divided by that of another, round by round, from those cells only that
/// `has_part` takes.
pub(crate) fn ratio_of(
    record: &Record,
    measure: Measure,
    scenario: &str,
    (over, under): (&str, &str),
    has_part: impl Fn(&Cell) -> bool,
) -> Option<Figure> {
    let mut samples = Vec::new();
    for first in cells(record, scenario, over).filter(|cell| has_part(cell)) {
        let neighbours = cells(record, scenario, under).filter(|cell| cell.round == first.round);
        for second in neighbours.filter(|cell| has_part(cell)) {
            if let (Some(a), Some(b)) = (measure.of(first), measure.of(second)) {
                samples.push((a / b, first.is_void() || second.is_void()));
            }
        }
    }
    Figure::of(&samples)
}

/// Private bytes a connection: fresh, or after one message.
pub fn idle(record: &Record, server: &str, is_fresh: bool) -> Option<Figure> {
    let of_server = record.idle.iter().filter(|cell| cell.server == server);
    let samples: Vec<(f64, bool)> = of_server
        .map(|cell| if is_fresh { cell.fresh } else { cell.used })
        .map(|memory| (memory.private_bytes, false))
        .collect();
    Figure::of(&samples)
}

/// The cells of a server in a scenario.
pub fn cells<'a>(
    record: &'a Record,
    scenario: &'a str,
    server: &'a str,
) -> impl Iterator<Item = &'a Cell> {
    record.cells.iter().filter(move |cell| cell.scenario == scenario && cell.server == server)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::record::{Flag, IdleCell, IdleMemory, Plan, ServerNote};
    use super::super::scenario::{OPEN, SATURATED};
    use super::*;
    use crate::measure::environment::Environment;
    use crate::statistics::Spread;

    /// Two rounds, two servers; `raw` costs twice `epoll` in the first round and as much in the
    /// second.
    pub(crate) fn record() -> Record {
        let plan = Plan {
            rounds: 2,
            measured_seconds: 1.0,
            warm_up_seconds: 1.0,
            server_core: 0,
            generator_core: 1,
            idle_connections: (10, 20),
            congestion: None,
            seed: 1,
            orders: Vec::new(),
        };
        let servers = ["raw", "epoll"].map(|name| ServerNote {
            name: name.to_owned(),
            description: format!("{name} & <others>"),
        });
        let environment = Environment::read("skyring-bench floor").unwrap();
        let mut record = Record::new(environment, plan, servers.to_vec());
        for (round, server, ran_us) in
            [(0, "raw", 20), (0, "epoll", 10), (1, "epoll", 30), (1, "raw", 30)]
        {
            for scenario in [SATURATED, OPEN] {
                record.cells.push(cell(round, scenario, server, ran_us));
            }
        }
        let memory = IdleMemory { private_bytes: 200.0 };
        record.idle.push(IdleCell {
            round: 0,
            server: "raw".to_owned(),
            connections: 20,
            fresh: memory,
            used: memory,
        });
        record
    }

    fn cell(round: u32, scenario: &str, server: &str, ran_us: u64) -> Cell {
        Cell {
            round,
            scenario: scenario.to_owned(),
            server: server.to_owned(),
            messages: 10,
            seconds: 1.0,
            server_ran_ns: ran_us * 10_000,
            yardstick_ns: 10_000.0,
            calls_per_message: Some(0.2),
            ..Cell::default()
        }
    }

    #[test]
    fn ratios_pair_the_servers_of_one_round() {
        let ratio = |under, has_part: fn(&Cell) -> bool| {
            ratio_of(&record(), Measure::Cpu, SATURATED, ("raw", under), has_part)
        };
        let figure = ratio("epoll", |_| true).unwrap();
        assert_eq!(figure.spread, Spread { median: 1.5, min: 1.0, max: 2.0 });
        assert_eq!((figure.rounds, figure.is_void), (2, false));
        assert!(ratio("tokio", |_| true).is_none());
        let second = ratio("epoll", |cell| cell.round == 1).unwrap();
        assert_eq!((second.rounds, second.spread.median), (1, 1.0));
    }

    #[test]
    fn void_cells_count_only_where_there_are_no_others() {
        let mut record = record();
        for cell in record.cells.iter_mut().filter(|cell| cell.round == 0) {
            cell.flags.push(Flag::Disturbed);
        }
        let figure = value(&record, Measure::Cpu, SATURATED, "raw").unwrap();
        assert!(!figure.is_void && figure.spread.median == 30.0, "{figure:?}");
        for cell in &mut record.cells {
            cell.flags.push(Flag::Late);
        }
        let figure = value(&record, Measure::Cpu, SATURATED, "raw").unwrap();
        assert!(figure.is_void && figure.spread.median == 25.0, "{figure:?}");
    }
}
