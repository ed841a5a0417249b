//! Sessions: whose a cookie is, who may connect, and how all of it ends at once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::request::Parts;
use sockeye::{Broadcast, Expiry, Refuse, Socket};

use super::contract::{Boot, ME, Me, Person, Role};
use super::store::{NewSession, StoredSession};
use super::{ADMITTED, Accounts, Caller, SESSION_LIFETIME, cookie_name, cookies, now};
use crate::address::Reach;
use crate::conversation::person_key;
use crate::id::{Digest, Secret, new_id};
use crate::notes;
use crate::refusal::Refused;
use crate::store::StoreError;

/// When a session was used is written at most so often, in milliseconds: every five minutes.
const TOUCH_INTERVAL: i64 = 5 * 60 * 1_000;
/// A session is made to last its whole time again when so much of it is gone, in milliseconds: a day.
const RENEWAL_AGE: i64 = 24 * 3_600 * 1_000;
/// The most characters that are kept of what a browser calls itself.
const AGENT_CHARS_MAX: usize = 200;
/// The library's room of the sockets of all guests.
const GUESTS: &str = "guests";

/// Where a request or a connection comes from, as it is kept with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct From {
    /// The address, without a port.
    pub(crate) address: String,
    /// The browser, as it calls itself.
    pub(crate) agent: String,
}

impl From {
    /// Of a request, by its headers and whoever's word counts.
    pub(crate) fn of(request: &Parts, reach: &Reach) -> Self {
        let agent = request.headers.get("user-agent");
        // Control characters cannot be in it: it is a header.
        let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let agent = agent.chars().take(AGENT_CHARS_MAX).collect();
        let address = reach.source(request).address;
        let address = address.map(|address| address.ip().to_canonical().to_string());
        From { address: address.unwrap_or_default(), agent }
    }
}

impl Accounts {
    /// The session whose cookie has this value.
    ///
    /// # Errors
    /// The database failed.
    pub async fn session(&self, cookie: &str) -> Result<Option<StoredSession>, StoreError> {
        match Digest::of(cookie) {
            Some(digest) => self.0.store.session(&digest, now()).await,
            None => Ok(None),
        }
    }

    /// A session that is to begin, and the secret for its cookie.
    pub(crate) fn new_session(person: &str, from: From) -> (NewSession, Secret) {
        let secret = Secret::new();
        let session = NewSession {
            id: new_id(),
            secret: secret.digest(),
            person: person.to_owned(),
            lifetime: SESSION_LIFETIME,
            agent: from.agent,
            address: from.address,
        };
        (session, secret)
    }

    /// Lets a socket of `/rooms` or `/chat` in that has the cookie of a session: `on_connect` of both.
    ///
    /// # Errors
    /// It has none, or its session is over: `unauthorized`. Or the database failed.
    pub async fn admit(&self, socket: &Socket) -> Result<(), Refuse> {
        let handshake = socket.handshake();
        let cookie = handshake.cookie(cookie_name(handshake.is_secure())).unwrap_or_default();
        let (session, known) = loop {
            let changes = self.0.changes.load(Ordering::Acquire);
            let session = self.session(cookie).await?;
            let session = session.ok_or_else(|| Refuse::new("unauthorized"))?;
            socket.join([person_key(&session.person.id), session_key(&session.id)]);
            socket.join(ADMITTED);
            if session.person.role == Role::Guest {
                socket.join(GUESTS);
            }
            let known = self.known(session.person.clone());
            // What changed before the socket was where it would have heard of it is read again.
            if self.0.changes.load(Ordering::Acquire) == changes {
                break (session, known);
            }
        };
        let address = handshake.address().map(|address| address.ip().to_canonical().to_string());
        self.use_session(&session, address.unwrap_or_default()).await;
        let left = u64::try_from(session.expires_at - now()).unwrap_or_default();
        socket.set_expiry(Some(Expiry {
            after: Duration::from_millis(left),
            warning: Duration::ZERO,
        }));
        socket.set(Caller { id: session.person.id, session: session.id, known });
        Ok(())
    }

    /// A session was used from this address: that is written now and then.
    pub(crate) async fn use_session(&self, session: &StoredSession, address: String) {
        if now() - session.used_at >= TOUCH_INTERVAL {
            self.touch(session, address, None).await;
        }
    }

    /// The same where a cookie can be set: a session of which a day is gone lasts its whole time again, and its
    /// cookie has to. Whether it does.
    async fn renew_session(&self, session: &mut StoredSession, address: String) -> bool {
        if session.expires_at - now() >= SESSION_LIFETIME - RENEWAL_AGE {
            self.use_session(session, address).await;
            return false;
        }
        let renewed = self.touch(session, address, Some(SESSION_LIFETIME)).await;
        session.expires_at = renewed.unwrap_or(session.expires_at);
        renewed.is_some()
    }

    async fn touch(
        &self,
        session: &StoredSession,
        address: String,
        lifetime: Option<i64>,
    ) -> Option<i64> {
        let touched = self.0.store.touch_session(&session.id, address, lifetime).await;
        touched.unwrap_or_else(|error| {
            // Whoever reads only does not care that nothing can be written.
            tracing::debug!(%error, "the use of a session was not stored");
            None
        })
    }

    /// What somebody is told of themselves.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn me(&self, session: StoredSession) -> Result<Me, StoreError> {
        let StoredSession { id, person, expires_at, .. } = session;
        let blocked = self.0.store.blocked(&person.id).await?;
        Ok(Me { person, session: id, expires_at, blocked })
    }

    /// What a page is told of who it is, and its cookie, if it is to last longer.
    ///
    /// # Errors
    /// The database failed.
    pub async fn boot(
        &self,
        request: &Parts,
        reach: &Reach,
    ) -> Result<(Boot, Option<HeaderValue>), StoreError> {
        let is_secure = reach.source(request).secure;
        let mut renewed = None;
        let mut me = None;
        if let Some(cookie) = cookies::read(&request.headers, is_secure)
            && let Some(mut session) = self.session(cookie).await?
        {
            let address = From::of(request, reach).address;
            if self.renew_session(&mut session, address).await {
                renewed = cookies::set(cookie, is_secure);
            }
            me = Some(self.me(session).await?);
        }
        let is_known = me.is_some();
        let host = reach.host_name(request);
        let is_this_machine = |host: &str| host == "localhost" || host.ends_with(".localhost");
        let boot = Boot {
            me,
            needs_setup: self.0.setup.lock().is_some(),
            has_guests: self.has_guests(),
            has_passkeys: host.is_some_and(|host| is_secure || is_this_machine(&host)),
            has_lab: reach.has_lab,
            is_local: reach.is_local,
            address: if is_known { reach.best_for(request) } else { reach.seen_as(request) },
            picture_bytes_max: 0,
            is_missing: false,
        };
        Ok((boot, renewed))
    }

    /// Closes the sockets of sessions that are over.
    pub(crate) fn cut(&self, sessions: &[String]) {
        if sessions.is_empty() {
            return;
        }
        self.0.changes.fetch_add(1, Ordering::Release);
        let rooms: Vec<_> = sessions.iter().map(|id| session_key(id)).collect();
        for io in self.namespaces() {
            shut(&io.to(&rooms));
        }
    }

    /// Ends one session of somebody.
    ///
    /// # Errors
    /// There is none: `gone`. Or nothing could be stored.
    pub(crate) async fn end_session(&self, person: &str, id: &str) -> Result<(), Refused> {
        if !self.0.store.end_session(person, id).await? {
            return Err(Refused::NotThere);
        }
        self.cut(&[id.to_owned()]);
        Ok(())
    }

    /// Ends all sessions of somebody, and closes all their sockets.
    ///
    /// # Errors
    /// Nothing could be stored.
    pub async fn end_sessions(&self, person: &str) -> Result<(), StoreError> {
        let ended = self.0.store.end_sessions(person).await?;
        self.cut(&ended);
        Ok(())
    }

    /// Lets people without an account in, or no longer: then they are out at once, those of the notes' chat too. `write`
    /// stores it, and has the ids of the sessions that ended.
    ///
    /// # Errors
    /// It was not stored.
    pub(crate) async fn set_guests(
        &self,
        has_guests: bool,
        write: impl Future<Output = Result<Vec<String>, Refused>>,
    ) -> Result<(), Refused> {
        // First, so that nobody comes in who is not counted among those who go.
        if !has_guests {
            self.0.has_guests.store(false, Ordering::Relaxed);
        }
        let ended = match write.await {
            Ok(ended) => ended,
            Err(error) => {
                let stored = self.0.store.has_guests().await.unwrap_or(false);
                self.0.has_guests.store(stored, Ordering::Relaxed);
                return Err(error);
            }
        };
        self.0.has_guests.store(has_guests, Ordering::Relaxed);
        self.cut(&ended);
        if !has_guests {
            for io in self.namespaces() {
                shut(&io.to(GUESTS));
            }
            if let Some(io) = self.0.io.get().and_then(|io| io.of(notes::PATH)) {
                io.disconnect();
            }
        }
        Ok(())
    }

    /// The pages of somebody are told who they are now. What cannot be read is not told: it is done all the same.
    pub(crate) async fn tell(&self, person: &Person) {
        if let Err(error) = self.try_to_tell(person).await {
            tracing::error!(%error, "somebody's pages were not told of a change");
        }
    }

    async fn try_to_tell(&self, person: &Person) -> Result<(), StoreError> {
        let blocked = self.0.store.blocked(&person.id).await?;
        for (session, expires_at) in self.0.store.sessions(&person.id, now()).await? {
            let (person, blocked) = (person.clone(), blocked.clone());
            let me = Me { person, expires_at, blocked, session: session.id };
            for io in self.namespaces() {
                if let Err(error) = io.to(session_key(&me.session)).emit(ME, &me) {
                    tracing::debug!(%error, "not sent");
                }
            }
        }
        Ok(())
    }

    /// Forgets what is over, in small steps.
    ///
    /// # Errors
    /// Nothing could be stored.
    pub async fn forget_what_is_over(&self) -> Result<(), StoreError> {
        while self.0.store.forget_what_is_over().await? {}
        Ok(())
    }
}

/// The library's room of all sockets of a session.
fn session_key(id: &str) -> String {
    format!("session {id}")
}

/// Closes sockets. What is said from now on does not reach them, although the end takes a moment on its way.
fn shut(sockets: &Broadcast) {
    for socket in sockets.sockets() {
        // The first one is its own.
        socket.leave(socket.rooms().into_iter().skip(1).collect::<Vec<_>>());
        socket.close_session();
    }
}

#[cfg(test)]
mod tests;
