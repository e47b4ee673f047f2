//! Whether what the options say makes sense together.

use super::{DEPTH_MAX, PlanError, USERS_MAX};
use crate::content::CONTENT_BYTES_MIN;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::web;

/// That a protocol is without something, in words.
pub(super) fn without(what: &'static str, protocol: Protocol) -> &'static str {
    match (protocol, what) {
        (Protocol::Http, "pushes") => "HTTP, which has no pushes",
        (Protocol::Http, _) => "HTTP, which has no cache",
        (Protocol::Ws, "pushes") => "WebSocket echoes, which have no pushes",
        (Protocol::Ws, _) => "WebSocket echoes, which have no cache",
        (_, "pushes") => "gate mode, which has no pushes",
        _ => "gate mode, which has no cache",
    }
}

/// Whether the load can be played on this protocol.
pub(super) fn load(options: &Options, protocol: Protocol) -> Result<(), PlanError> {
    let bytes_max = protocol.content_bytes_max(options);
    let sizes = CONTENT_BYTES_MIN..=bytes_max;
    let (least, most) = (options.payload_bytes_min, options.payload_bytes_max);
    if !(sizes.contains(&least) && sizes.contains(&most) && least <= most) {
        return Err(PlanError::Payload { bytes_max });
    }
    if !(1..=USERS_MAX).contains(&options.users) {
        return Err(PlanError::Users);
    }
    if options.depth.is_some_and(|depth| !(1..=DEPTH_MAX).contains(&depth)) {
        return Err(PlanError::Depth);
    }
    if options.subset_ppm == 0 {
        return Err(PlanError::Subset);
    }
    if options.rate > 0 && options.think_ns > 0 {
        return Err(PlanError::Meaningless("--think", "an open loop (--rate)"));
    }
    if !protocol.has_repeats() && options.skynet {
        return Err(PlanError::Meaningless("--skynet", without("a cache", protocol)));
    }
    if !protocol.has_login() && options.relogin {
        return Err(PlanError::Meaningless("--relogin", "a run without logins"));
    }
    http(options, protocol)?;
    ws(options, protocol)?;
    if options.warm_ns > 0 && options.warm_ns >= options.play_ns {
        return Err(PlanError::Outside("--warm"));
    }
    if options.storm_ns.is_some_and(|storm_ns| storm_ns >= options.play_ns) {
        return Err(PlanError::Outside("--storm"));
    }
    Ok(())
}

fn http(options: &Options, protocol: Protocol) -> Result<(), PlanError> {
    let other = "a run without --http";
    match () {
        () if protocol == Protocol::Http && options.http_close => match options.depth {
            Some(2..) => Err(PlanError::Meaningless("--depth above 1", "a run with --http-close")),
            _ => Ok(()),
        },
        () if protocol == Protocol::Http => Ok(()),
        () if options.http_close => Err(PlanError::Meaningless("--http-close", other)),
        () if options.http_get.is_some() => Err(PlanError::Meaningless("--http-get", other)),
        () => Ok(()),
    }
}

fn ws(options: &Options, protocol: Protocol) -> Result<(), PlanError> {
    let ws = &options.ws;
    let has_both_logins = !options.logins.is_empty() && !ws.logins.is_empty();
    let has_both_msgs = !options.msgs.is_empty() && !ws.msgs.is_empty();
    let is_mixed = has_both_logins || has_both_msgs;
    match () {
        () if ws.share_ppm.is_some() && !is_mixed => {
            let elsewhere = "a run without servers both over TCP and over WebSocket";
            Err(PlanError::Meaningless("--ws-share", elsewhere))
        }
        () if ws.is_text && protocol != Protocol::Ws => {
            Err(PlanError::Meaningless("--ws-text", "a run without --ws"))
        }
        () if ws.deflates && !ws.is_used() => {
            Err(PlanError::Meaningless("--ws-deflate", "a run without WebSocket"))
        }
        () => {
            for server in [&ws.echoes, &ws.logins, &ws.msgs].into_iter().flatten() {
                web::check(server).map_err(PlanError::WebServer)?;
            }
            Ok(())
        }
    }
}
