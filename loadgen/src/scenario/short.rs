//! The scenario that the command line alone describes: one kind of request, one bot, one load.

use super::{
    Action, Bot, Call, Load, Pushes, Range, RequestKind, Scenario, Stage, StageKind, Step,
};
use crate::arrival::{Curve, Rate};
use crate::options::Options;
use crate::protocol::Protocol;

/// What the options say, for so many players. The warm-up is a stage of its own, and so is what
/// follows a storm.
pub(crate) fn scenario(options: &Options, protocol: Protocol, players: u32) -> Scenario {
    let call = (protocol == Protocol::Http)
        .then(|| options.http_get.as_deref().map(Call::get).unwrap_or_default());
    let has_content = call.as_ref().is_none_or(|call| call.has_content);
    let bytes = Range {
        least: options.payload_bytes_min as u64,
        greatest: options.payload_bytes_max as u64,
    };
    let bytes = if has_content { bytes } else { Range::just(0) };
    let think_ns = Range::just(options.think_ns);
    let step = Step { action: Action::Request(vec![(0, 1)]), times: 1, think_ns };
    Scenario {
        name: None,
        requests: vec![RequestKind {
            name: String::from("request"),
            bytes,
            call,
            is_text: options.ws.is_text,
        }],
        bots: vec![Bot { name: String::from("player"), weight: 1, script: vec![step] }],
        stages: stages(options, players),
        pushes: Pushes::Any,
        thresholds: options.thresholds.clone(),
    }
}

fn stages(options: &Options, players: u32) -> Vec<Stage> {
    let mut borders = vec![0, options.warm_ns, options.play_ns];
    borders.extend(options.storm_ns);
    borders.sort_unstable();
    borders.dedup();
    let stage = |border: &[u64]| {
        let [start_ns, end_ns] = [border[0], border[1]];
        let measured = start_ns >= options.warm_ns;
        let storms = options.storm_ns == Some(start_ns);
        let (kind, name) = match (storms, measured) {
            (true, _) => (StageKind::Storm, "storm"),
            (false, true) => (StageKind::Hold, "play"),
            (false, false) => (StageKind::Hold, "warm-up"),
        };
        let load = match options.rate {
            0 => Load::Closed { from: players, to: players },
            rate => Load::Even(Curve::constant(Rate::per_second(rate), end_ns - start_ns)),
        };
        Stage {
            name: String::from(name),
            kind,
            start_ns,
            end_ns,
            load,
            drop_ppm: if storms { 1_000_000 } else { 0 },
            churn_ppm: options.churn_ppm,
            measured,
        }
    };
    borders.windows(2).map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::SECOND_NS;

    #[test]
    fn a_storm_and_a_warm_up_are_stages() {
        let options = Options {
            play_ns: 10 * SECOND_NS,
            warm_ns: 2 * SECOND_NS,
            storm_ns: Some(5 * SECOND_NS),
            rate: 7,
            ..Options::default()
        };
        let scenario = scenario(&options, Protocol::Msg, 3);
        let told: Vec<_> = scenario
            .stages
            .iter()
            .map(|it| (it.name.as_str(), it.start_ns / SECOND_NS, it.measured, it.drop_ppm))
            .collect();
        let expected =
            [("warm-up", 0, false, 0), ("play", 2, true, 0), ("storm", 5, true, 1_000_000)];
        assert_eq!(told, expected);
        assert_eq!(scenario.play_ns(), 10 * SECOND_NS);
        assert_eq!(scenario.measured_from_ns(), 2 * SECOND_NS);
        assert_eq!((scenario.stage_at(0), scenario.stage_at(4 * SECOND_NS)), (0, 1));
        assert_eq!((scenario.stage_at(5 * SECOND_NS), scenario.stage_at(u64::MAX)), (2, 2));
    }
}
