//! Deliberate bugs, at least one for each invariant of the engine, compiled only in tests: the simulator must
//! find every one of them. Outside tests no switch exists and every question is a constant no.

#[cfg(test)]
pub(crate) use switch::{activate, active};

/// A bug to switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A login is registered on the shard that accepted it, whoever owns the user.
    RegisterAnywhere,
    /// A newer attach leaves the older connection open.
    KeepOlder,
    /// The application hears twice of a lost connection.
    DetachTwice,
    /// An attach forgets the answers of earlier connections.
    ForgetAnswers,
    /// A session keeps the slot of a connection that is gone.
    KeepConnection,
    /// An attach index that was used before is accepted.
    AcceptUsedIndex,
    /// An attach whose digest is wrong is accepted.
    AcceptAnyDigest,
    /// An answer goes to whoever else is attached on the shard.
    AnswerNeighbour,
    /// Nobody is late who has not finished his handshake.
    ForgetPhases,
    /// Frames need no mask, whatever the listener says.
    AcceptUnmasked,
    /// Who has said nothing for a moment is closed.
    MistrustSilence,
    /// What comes behind a silence is lost.
    DropAfterSilence,
    /// What was due before the clock leapt is forgotten.
    LoseLeaps,
    /// What stands behind a request that was refused is read as the next.
    ReadOnRefused,
    /// The response cache has no limit.
    UnlimitedCache,
    /// A slot is emptied without closing its descriptor.
    LeakDescriptor,
    /// What an HTTP peer sends ahead is lost.
    LoseRequests,
    /// What a WebSocket's peer sends while it is not read is lost.
    LoseMessages,
    /// A handler hears twice of a WebSocket's end.
    CloseTwice,
    /// What has not been sent stays behind when a connection moves.
    LoseUnsent,
    /// What comes while a connection waits to move is lost.
    LoseHeld,
    /// That a user is away again is told to no feed.
    LoseNews,
    /// A message to a service overtakes those that wait.
    Overtake,
    /// An answer goes to whatever call is in its place.
    AnswerAnybody,
    /// What another shard answers is lost.
    LoseAnswers,
    /// A call that is not answered waits for ever.
    ForgetDeadlines,
    /// What a service has begun goes on when the service has ended.
    KeepWorking,
    /// An inbox takes what it has no room for.
    OverfillInbox,
    /// Nobody hears of the end of a service.
    ForgetWatchers,
    /// The end of a server does not wait for open calls.
    LeaveCalls,
    /// A drain leaves accepts in flight.
    KeepAccepts,
    /// A shard ends although connections are left.
    LeaveEarly,
    /// Who would be told next after a pause of a broadcast is not told.
    SkipMember,
    /// A room's shard puts a broadcast ahead of others that wait.
    OvertakeBroadcasts,
    /// Who was told last before a pause of a broadcast is told again.
    TellTwice,
    /// A join is answered before the room's home knows of the shard.
    JoinUnheard,
    /// A broadcast also goes to whom it leaves out.
    TellSender,
    /// Who leaves a room stays in it.
    KeepLeaver,
    /// A member that has gone stays in its rooms.
    KeepMemberships,
    /// Nobody makes room when memory is short.
    KeepEverything,
    /// An attach of version 2 is accepted whatever it proves.
    AcceptAnyProof,
    /// What comes right behind a proof is lost.
    LoseBehindProof,
    /// A login takes no token of its user.
    TakeNoToken,
    /// A login takes two tokens of its user.
    TakeTwoTokens,
    /// The debts of a session outlive it.
    KeepDebts,
    /// Who has shown who he is counts as a stranger.
    KeepStrangers,
    /// Everybody is believed to be a proxy.
    BelieveAnybody,
    /// What a proxy says of its client is not taken over.
    ForgetClient,
    /// Something is drawn that the seed does not decide.
    OutsideChance,
}

/// No.
#[cfg(not(test))]
pub(crate) const fn active(_: Mutation) -> bool {
    false
}

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Mutation;

    thread_local! {
        static ACTIVE: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Whether the bug is switched on, on this thread.
    pub(crate) fn active(mutation: Mutation) -> bool {
        ACTIVE.get() == Some(mutation)
    }

    /// Switches a bug on, or all off.
    pub(crate) fn activate(mutation: Option<Mutation>) {
        ACTIVE.set(mutation);
    }
}
