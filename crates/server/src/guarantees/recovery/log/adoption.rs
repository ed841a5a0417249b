//! Sessions that the cluster keeps: what it is given of them, and how one comes back, wherever it was before.

use std::sync::Arc;

use sockeye_engine::Encoded;
use sockeye_socket_proto::EventRef;

use super::super::RecoveryFailure;
use super::super::connection::Connection;
use super::super::foreign_offsets::order;
use super::super::offset::Offset;
use super::super::section::section;
use super::super::session::{Session, SessionState};
use super::Log;
use super::claim::{Claim, Return, Returned};
use super::keeping::Taken;
use super::state::LogState;
use crate::cluster::sessions::{RestoredSession, SessionOutcome};
use crate::rooms::room::Room;
use crate::socket::data::SocketData;
use crate::socket::details::SharedData;
use crate::socket::id::SocketId;

/// What adoption needs of the namespace.
pub(crate) struct Adoption<'a> {
    /// Reads the data that was kept.
    pub(crate) read_data: &'a dyn Fn(&SharedData) -> SocketData,
    /// Whether the session with this data is that of the client that is here now.
    pub(crate) is_same_user: &'a dyn Fn(&SocketData) -> bool,
    /// Encodes an event that was missed; whether it may be compressed.
    pub(crate) encode: &'a dyn Fn(EventRef<'_>, Offset<'_>, bool) -> Arc<Encoded>,
}

impl<S: Connection> Log<S> {
    /// The claim of a client whose session the cluster has kept.
    pub(crate) fn claim_restored(pid: &str, restored: RestoredSession) -> Option<Claim> {
        let (id, pid) = (restored.session.id.clone(), SocketId::parse(pid)?);
        Some(Claim { id, pid, from: 0, restored: Some(Arc::new(restored)) })
    }

    /// Carries out the claim of a client whose session the cluster has kept: as [`restore`](Self::restore).
    ///
    /// What it missed was read from the stream up to `until`, while the stream went on and this server read it too. So
    /// each event is counted once, at this moment, with no other in between: those that this server has delivered already
    /// come out of what was read, or if they are later than that out of the log; all others will be delivered to it like
    /// to any socket of its rooms.
    pub(crate) fn adopt(
        &self,
        claim: &Claim,
        restored: &RestoredSession,
        socket: &S,
        adoption: &Adoption<'_>,
        admit: impl FnOnce(Returned<'_>) -> Return,
    ) -> Result<bool, RecoveryFailure> {
        let kept = self.kept(&claim.pid);
        let (old, own_data) = kept.map_or((None, None), |(old, data)| (old, Some(data)));
        // A server that has the session knows more than what it could write.
        let data = own_data.filter(|_| restored.is_own);
        let data = data.unwrap_or_else(|| (adoption.read_data)(&restored.session.data));
        if !(adoption.is_same_user)(&data) {
            return Err(RecoveryFailure::OtherUser);
        }
        if let Some(old) = old {
            old.replace();
        }
        let encoded = restored.missed.iter().map(|missed| {
            let offset = Offset { epoch: &self.epoch, number: 0, text: Some(&missed.offset) };
            (adoption.encode)(missed.event.event_ref(), offset, missed.may_compress)
        });
        let encoded: Vec<_> = encoded.collect();
        section(|| {
            let state = &mut *self.state.lock();
            let absent = state.sessions.get(&claim.pid).and_then(Session::absent);
            let absent = absent.filter(|_| restored.is_own);
            let mut rooms = match absent {
                Some(absent) => absent.rooms.to_vec(),
                None => restored.session.rooms.clone(),
            };
            rooms.sort_unstable();
            let missed = state.missed_by(restored, &rooms, encoded)?;
            match admit(Returned { rooms: &rooms, data: &data, missed }) {
                Return::Ended => return Ok(false),
                Return::Full => return Err(RecoveryFailure::LogTruncated),
                Return::Admitted => {}
            }
            state.forget(&claim.pid);
            let mut session = Session::new(socket, state.next, Vec::new());
            session.details_mut().since = Some(Arc::clone(&restored.since));
            state.sessions.insert(claim.pid.clone(), session);
            state.foreign.get_or_default().note(&restored.position);
            if let Some(keeping) = &mut state.keeping {
                keeping.begin(&claim.pid);
            }
            restored.lease.keep();
            Ok(true)
        })
    }

    /// Up to so many sessions that have changed, for the cluster.
    pub(crate) fn take_changed(&self, max: usize) -> Vec<Taken> {
        let LogState { sessions, keeping, .. } = &mut *self.state.lock();
        keeping.as_mut().map(|keeping| keeping.take(sessions, max)).unwrap_or_default()
    }

    /// What became of a session that was taken.
    pub(crate) fn written(&self, pid: &SocketId, change: u64, outcome: SessionOutcome) {
        let mut state = self.state.lock();
        let LogState { sessions, keeping, .. } = &mut *state;
        let Some(keeping) = keeping else { return };
        match outcome {
            SessionOutcome::Done => return keeping.written(pid, change),
            SessionOutcome::Unknown => return keeping.unknown(pid),
            SessionOutcome::Elsewhere => keeping.remove(pid),
        }
        let old = sessions.get(pid).and_then(|session| match &session.state {
            SessionState::Connected(socket) => Some(socket.clone()),
            SessionState::Absent(_) => None,
        });
        drop(state);
        if let Some(old) = old {
            old.replace();
        }
        self.state.lock().forget(pid);
    }

    /// A session has changed otherwise than by its rooms.
    pub(crate) fn change(&self, pid: &SocketId) {
        if let Some(keeping) = &mut self.state.lock().keeping {
            keeping.change(pid);
        }
    }

    /// Has the cluster write all sessions that are connected, before what it has kept of them expires.
    pub(crate) fn renew(&self) {
        let LogState { sessions, keeping, .. } = &mut *self.state.lock();
        if let Some(keeping) = keeping {
            let connected = sessions.iter().filter(|(_, session)| session.absent().is_none());
            keeping.change_all(connected.map(|(pid, _)| pid.clone()));
        }
    }
}

impl<S: Connection> LogState<S> {
    /// The events that a session has missed until now and that will not be delivered to it, with their numbers here; 0 of
    /// those that are not in the log. `encoded`: those that were read from the stream.
    fn missed_by(
        &self,
        restored: &RestoredSession,
        rooms: &[Room],
        encoded: Vec<Arc<Encoded>>,
    ) -> Result<Vec<(u64, Arc<Encoded>)>, RecoveryFailure> {
        let foreign = self.foreign.get();
        let latest = foreign.and_then(|foreign| foreign.latest());
        // Up to here everything was delivered to those who were there.
        let reached = latest.and_then(|text| order(text)).max(order(&restored.position));
        let read = restored.missed.iter().zip(encoded);
        let delivered = read.filter(|(missed, _)| order(&missed.offset) <= reached);
        let number = |text| foreign.and_then(|foreign| foreign.number_of(text)).unwrap_or(0);
        let mut all: Vec<_> =
            delivered.map(|(missed, packet)| (number(&missed.offset), packet)).collect();
        let later = foreign.and_then(|foreign| foreign.first_after(&restored.until));
        let Some(later) = later else { return Ok(all) };
        let is_gapless = foreign
            .and_then(|foreign| foreign.first())
            .is_some_and(|(number, text)| number == 1 || order(text) <= order(&restored.until));
        if !is_gapless {
            return Err(RecoveryFailure::LogTruncated);
        }
        let is_in = |room: &Room| rooms.binary_search(room).is_ok();
        let events = self.events_from(later.max(self.first()));
        let for_it = events.filter(|(_, event)| event.targets.include(is_in));
        all.extend(for_it.map(|(number, event)| (number, Arc::clone(&event.packet))));
        Ok(all)
    }
}
