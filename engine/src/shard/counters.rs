//! What a shard counts.
//!
//! One shard writes its counters, anybody may read them: plain stores, no contention. Gauges (the
//! `_now` names) go up and down, all others only up.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($variant:ident $name:literal $help:literal;)*) => {
        /// The name of one counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Counter {
            $(#[doc = $help] $variant,)*
        }

        impl Counter {
            /// Every counter, in the order they are printed.
            pub const ALL: &[Counter] = &[$(Counter::$variant,)*];

            /// The name in the text form.
            pub fn name(self) -> &'static str {
                match self { $(Counter::$variant => $name,)* }
            }

            /// What is counted, with its unit.
            pub fn help(self) -> &'static str {
                match self { $(Counter::$variant => $help,)* }
            }
        }
    };
}

counters! {
    Accepted "accepted" "Connections accepted.";
    ConnectionsNow "connections_now" "Connections in this shard's table.";
    ConnectionsMax "connections_max" "Connections that this shard's table holds at most.";
    RefusedMaxclient "refused_maxclient" "Connections closed at once because maxclient was reached.";
    RefusedAddressRate "refused_address_rate" "Connections closed at once because their address opened too many.";
    RefusedMemory "refused_memory" "Connections closed at once because memory was short.";
    UnauthenticatedNow "unauthenticated_now" "Connections that have not shown who they are: before their login, attach or first HTTP request.";
    UnauthenticatedMax "unauthenticated_max" "Of these, as many as there may be.";
    ProxyHeaders "proxy_headers" "Headers of trusted proxies read.";
    TlsHandshakes "tls_handshakes" "TLS handshakes done.";
    TlsResumed "tls_resumed" "TLS handshakes done that resumed an earlier session.";
    TlsFailed "tls_failed" "Connections that ended before their TLS handshake was done.";
    TlsTruncated "tls_truncated" "TLS connections whose stream ended without the peer's close_notify.";
    AcceptFailed "accept_failed" "Accepts that ended without a connection.";
    AcceptPaused "accept_paused" "Times that accepting stopped because no descriptor was left for it.";
    LoginGranted "login_granted" "Logins answered 200.";
    LoginGrantedV2 "login_granted_v2" "Logins answered 200 by login v2; they count under login_granted too.";
    LoginUnauthorized "login_unauthorized" "Logins answered 401.";
    LoginForbidden "login_forbidden" "Logins answered 403.";
    LoginInProgress "login_in_progress" "Logins answered 406.";
    LoginsTooOften "logins_too_often" "Logins answered 429 because their address or user logs in too often.";
    LoginsRefused "logins_refused" "Logins answered 503: too many waited or were logged in, memory was short, or nobody could judge the token.";
    AuthGranted "auth_granted" "Tokens that the configured authenticator believed.";
    AuthDenied "auth_denied" "Tokens that the configured authenticator refused.";
    AuthUnavailable "auth_unavailable" "Tokens that it could not judge, because keys or the service were not to be had; answered 503.";
    AuthKeysFetched "auth_keys_fetched" "Times that keys were fetched.";
    AuthKeysFailed "auth_keys_failed" "Times that keys could not be fetched, or were none.";
    LoginDropped "login_dropped" "Login connections closed without a result line: line too long, gone, or late.";
    SessionsNow "sessions_now" "Users logged in.";
    SessionsMax "sessions_max" "Users that may be logged in.";
    AttachedNow "attached_now" "Sessions with a connection.";
    Attached "attached" "Attaches answered 200.";
    AttachChallenged "attach_challenged" "Attaches by attach v2 that were sent a challenge.";
    AttachedV2 "attached_v2" "Attaches answered 200 by attach v2; they count under attached too.";
    AttachBadRequest "attach_bad_request" "Attaches refused because they could not be read (400).";
    AttachUnauthorized "attach_unauthorized" "Attaches refused because the proof was wrong (401).";
    AttachIndexExpired "attach_index_expired" "Attaches refused because the index was not new (403).";
    AttachUserNotFound "attach_user_not_found" "Attaches refused because no such user is on line (404).";
    Superseded "superseded" "Connections closed because the user attached anew.";
    HandedOver "handed_over" "Connections moved to their owner shard.";
    HandOverRetried "hand_over_retried" "Hand-overs that met a full table and were tried again.";
    Requests "requests" "Requests received.";
    Answered "answered" "Handler results taken, whatever became of them.";
    HandlerFailed "handler_failed" "Requests answered with flag 0 because the handler failed.";
    HandlerWaited "handler_waited" "Handlers that did not finish at once and became tasks.";
    Replayed "replayed" "Stored answers sent again.";
    Absorbed "absorbed" "Repeats of a request whose handler was still running.";
    Conflicts "conflicts" "Connections closed because a pending request was repeated twice.";
    RequestsRefused "requests_refused" "Requests answered with flag 0 because too many were pending, or memory was spent.";
    CacheBytesNow "cache_bytes_now" "Bytes of stored answers.";
    CacheBytesMax "cache_bytes_max" "Bytes of stored answers that there may be.";
    AnswersOverBudget "answers_over_budget" "Answers that came while the shard's stored answers were over their budget.";
    Pushed "pushed" "Frames pushed to users by the application.";
    PushDropped "push_dropped" "Pushes, gate frames and WebSocket messages that no connection took: away, not allowed, too long, or too much unsent.";
    RoomsNow "rooms_now" "Rooms with a member on this shard.";
    RoomsMax "rooms_max" "Of these, as many as there may be.";
    RoomMembersNow "room_members_now" "Memberships of this shard's sessions and connections in rooms.";
    RoomHomesNow "room_homes_now" "Rooms whose broadcasts this shard puts in order.";
    RoomHomesMax "room_homes_max" "Of these, as many as there may be.";
    RoomsRefused "rooms_refused" "Joins refused because a room, a shard or a member had too many.";
    Broadcasts "broadcasts" "Broadcasts taken by the homes of their rooms.";
    BroadcastsRefused "broadcasts_refused" "Broadcasts refused because too many waited.";
    BroadcastTold "broadcast_told" "Messages of broadcasts appended to the output of members.";
    BroadcastMissed "broadcast_missed" "Members that missed a broadcast: away, no pushes allowed, closing, or it was too long for them.";
    BroadcastOverBudget "broadcast_over_budget" "Members that missed a broadcast because they read too little.";
    GateMessages "gate_messages" "Frames received on gate connections.";
    HttpRequests "http_requests" "HTTP requests whose head was read.";
    HttpAnswers2xx "http_answers_2xx" "HTTP answers begun that say 200 to 299.";
    HttpAnswers3xx "http_answers_3xx" "HTTP answers begun that say 300 to 399.";
    HttpAnswers4xx "http_answers_4xx" "HTTP answers begun that say 400 to 499, refusals among them.";
    HttpAnswers5xx "http_answers_5xx" "HTTP answers begun that say 500 or more, refusals among them.";
    HttpRefusedMalformed "http_refused_malformed" "HTTP requests refused because they broke the protocol (400).";
    HttpRefusedTooLarge "http_refused_too_large" "HTTP requests refused because a head or body was too large (413, 414, 431).";
    HttpRefusedUnsupported "http_refused_unsupported" "HTTP requests refused because they asked for what there is not (417, 501, 505).";
    HttpRefusedLate "http_refused_late" "HTTP requests refused because their head or body took too long (408).";
    HttpBodyBytesReceived "http_body_bytes_received" "Bytes of HTTP request bodies.";
    HttpBodyBytesSent "http_body_bytes_sent" "Bytes of HTTP answer bodies given to connections.";
    WebSockets "websockets" "HTTP connections that became WebSockets.";
    WebSocketMessages "websocket_messages" "WebSocket messages received.";
    WebSocketPings "websocket_pings" "Pings sent to WebSockets from which nothing had come for a while.";
    WebSocketRefusedMalformed "websocket_refused_malformed" "WebSockets closed because the peer broke the protocol (1002, 1007).";
    WebSocketRefusedTooLarge "websocket_refused_too_large" "WebSockets closed because a message was too large or of too many frames (1009).";
    LoggedOut "logged_out" "Sessions ended.";
    Dialled "dialled" "Connections that the application opened.";
    DialFailed "dial_failed" "Connections that the application asked for and did not get.";
    DialledEnded "dialled_ended" "Connections that the application opened and that have ended.";
    ClosedByPeer "closed_by_peer" "Connections that the peer closed.";
    ClosedBroken "closed_broken" "Connections that broke.";
    ClosedProtocol "closed_protocol" "Connections closed because the peer broke the protocol.";
    ClosedUnauthenticated "closed_unauthenticated" "Connections closed because too many had not shown who they are, and they were the oldest.";
    ClosedMemory "closed_memory" "Connections closed because memory was short: strangers, and who held most.";
    ClosedHandshakeLate "closed_handshake_late" "Connections closed because a login, an attach or an HTTP request took too long.";
    ClosedIdle "closed_idle" "Connections closed because nothing was received for too long.";
    ClosedSlowConsumer "closed_slow_consumer" "Connections closed because the peer did not read.";
    ClosedByServer "closed_by_server" "Connections closed after their last answer, by a kick, or in a drain.";
    ReadingPaused "reading_paused" "Times that reading from a connection stopped because it did not read, or handlers had too much to do.";
    RateExceeded "rate_exceeded" "Times that reading from a connection stopped because it had sent more than its rate.";
    NoBuffers "no_buffers" "Receives that found no free buffer and were armed again.";
    StaleEvents "stale_events" "Completions that named an earlier life of a slot.";
    MailboxFull "mailbox_full" "Turns in which a message to another shard had to wait.";
    CommandsFailed "commands_failed" "Commands and gate frames for other shards that failed because too many messages waited for them.";
    NewsMissed "news_missed" "News of users that another shard's feeds missed because too many messages waited.";
    PayloadsRefused "payloads_refused" "Payloads of clients whose protocol was unknown, or whose content was none of it.";
    MemoryBytesNow "memory_bytes_now" "Bytes of memory that the following seven have together.";
    MemoryBytesMax "memory_bytes_max" "Bytes of memory above which somebody makes room.";
    ConnectionBytesNow "connection_bytes_now" "Bytes of connections, what is under way on them included.";
    SessionBytesNow "session_bytes_now" "Bytes of sessions, without stored answers.";
    AnswerBytesNow "answer_bytes_now" "Bytes of memory that stored answers take up.";
    WaitingBytesNow "waiting_bytes_now" "Bytes of requests and logins that wait for the application.";
    ServiceBytesNow "service_bytes_now" "Bytes of services and of what waits for them.";
    RoomBytesNow "room_bytes_now" "Bytes of rooms, memberships and broadcasts that wait.";
    MailBytesNow "mail_bytes_now" "Bytes of messages that wait for room in other shards' mailboxes.";
    MemoryShort "memory_short" "Times that memory became short.";
    AnswersShed "answers_shed" "Sessions off line that lost their stored answers because memory was short.";
    ServicesNow "services_now" "Services of this shard.";
    ServicesMax "services_max" "Services that there may be.";
    ServiceMessages "service_messages" "Messages given to services.";
    ServiceWaited "service_waited" "Handlers of services that did not finish at once and became tasks.";
    ServiceCalls "service_calls" "Calls begun on this shard; watches, lookups and remote starts count too. Each ends in one of the following ways.";
    ServiceAnswered "service_answered" "Calls that had an answer.";
    ServiceFailed "service_failed" "Calls whose handler failed or panicked.";
    ServiceUnread "service_unread" "Calls whose content or answer could not be read: unknown protocol, unsound bytes, another type.";
    ServiceNone "service_none" "Calls to nobody.";
    ServiceInboxFull "service_inbox_full" "Calls that found the inbox full.";
    ServiceLate "service_late" "Calls that had no answer in time.";
    ServiceStopped "service_stopped" "Calls whose service, or server, ended before it answered.";
    ServiceBusy "service_busy" "Calls refused because too much waited.";
    ServiceTooDeep "service_too_deep" "Calls refused because too many waited one inside the other.";
    ServiceCancelled "service_cancelled" "Calls that nobody waited for to their end.";
    ServiceAnswersDropped "service_answers_dropped" "Answers that came when nobody waited any more.";
    ServiceSendsDropped "service_sends_dropped" "Messages without a call that came to nothing: nobody there, inbox full, too much waits, the end.";
    ServiceNamesTaken "service_names_taken" "Services that ended because their name was another's.";
    ServiceForksRefused "service_forks_refused" "Forks dropped because their service had too many.";
    MailPosted "mail_posted" "Messages posted to other shards.";
    Doorbells "doorbells" "Wake-ups sent to sleeping shards.";
    Turns "turns" "Turns of the shard.";
    EventsTaken "events" "Completions taken.";
    RingOverflows "ring_overflows" "Turns that brought more completions than the ring's queue holds; the kernel kept the others meanwhile.";
    EntersRefused "enters_refused" "System calls of the ring that the kernel refused for want of memory; the next turn repeats them.";
}

impl Counter {
    /// The reasons for which an accepted connection ends; each is counted by exactly one.
    pub const ENDS: [Counter; 13] = [
        Counter::RefusedMaxclient,
        Counter::RefusedMemory,
        Counter::RefusedAddressRate,
        Counter::Superseded,
        Counter::ClosedByPeer,
        Counter::ClosedByServer,
        Counter::ClosedBroken,
        Counter::ClosedProtocol,
        Counter::ClosedHandshakeLate,
        Counter::ClosedUnauthenticated,
        Counter::ClosedMemory,
        Counter::ClosedIdle,
        Counter::ClosedSlowConsumer,
    ];
}

/// The counters of one shard.
#[derive(Debug)]
pub struct ShardCounters {
    values: Box<[AtomicU64]>,
}

impl Default for ShardCounters {
    fn default() -> ShardCounters {
        ShardCounters { values: Counter::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }
}

impl ShardCounters {
    /// The value now. Values of different counters may be from different instants.
    pub fn read(&self, counter: Counter) -> u64 {
        self.values[counter as usize].load(Ordering::Relaxed)
    }

    /// Adds to a counter. Only the shard that owns the counters calls this, so a load and a store
    /// do; an atomic addition would cost a locked instruction a message.
    pub(crate) fn add(&self, counter: Counter, amount: u64) {
        let value = &self.values[counter as usize];
        value.store(value.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Adds one.
    pub(crate) fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, counter: Counter, value: u64) {
        self.values[counter as usize].store(value, Ordering::Relaxed);
    }
}
