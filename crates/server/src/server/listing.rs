//! Lists and counts of rooms, sockets and sessions, for admin pages and tools.

use std::time::Duration;

use serde::Serialize;
use sockeye_engine::Session;
use tokio::time::{Instant, timeout_at};

use super::Server;
use super::page::{Cursor, Page};
use crate::broadcast::io::Io;
use crate::rooms::room::Room;
use crate::session::details::{Describe, SessionDetails};
use crate::socket::Socket;

/// A room and its number of sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RoomInfo {
    /// Its name.
    pub room: Room,
    /// How many sockets of this server are in it; never 0.
    pub sockets: usize,
}

/// An entry in a list of sessions: plain data, without its id as a whole, headers or `auth`, which
/// are credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its number in the program, see [`Session::number`].
    pub number: u64,
    /// The beginning of its id, as it stands in logs: `AAAAbbbb…`.
    pub sid: String,
    /// The transport it is on: `polling`, `websocket` or `ndjson`.
    pub transport: &'static str,
    /// The revision of Engine.IO that it uses, 3 or 4.
    pub revision: u8,
    /// The details from its own task; `None` if that did not answer within a second, as when a
    /// handler blocks its thread.
    pub details: Option<SessionDetails>,
}

/// A count takes the time of a lock; a page takes time and memory in proportion to its length, and
/// holds that lock for a part of it only, however many sockets and rooms there are.
impl Io {
    /// How many sockets are connected to the namespace on this server.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sockeye::BuildError> {
    /// let server = sockeye::Server::builder().build()?;
    /// assert_eq!(server.io().socket_count(), 0);
    /// assert_eq!(server.io().room_count(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn socket_count(&self) -> usize {
        self.active_namespace().adapter.socket_count()
    }

    /// How many rooms the namespace has on this server. Own-id rooms, of which there are
    /// [`socket_count`](Io::socket_count), are left out. (The official `adapter.rooms` has them.)
    pub fn room_count(&self) -> usize {
        self.active_namespace().adapter.room_count()
    }

    /// How many sockets of this server are in a room: 0 if it does not exist, 1 for a connected
    /// socket's own.
    pub fn room_size(&self, room: impl Into<Room>) -> usize {
        self.active_namespace().adapter.room_size(&room.into())
    }

    /// A page of the rooms with their sizes, own-id rooms left out, in no particular order: `limit`
    /// of them at most, and at least one if there is one. A room that exists all the time is on
    /// exactly one page.
    pub fn rooms_page(&self, from: Cursor, limit: usize) -> Page<RoomInfo> {
        let (rooms, next) = self.active_namespace().adapter.rooms_from(from.slot(), limit);
        Page::new(rooms.into_iter().map(RoomInfo::new).collect(), next.map(Cursor::at))
    }

    /// The rooms with the most sockets, own-id rooms left out, the largest first, `limit` of them. It
    /// looks at the size of every room (some ten nanoseconds each), 1,024 of them under one lock.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sockeye::BuildError> {
    /// # let server = sockeye::Server::builder().build()?;
    /// for info in server.io().largest_rooms(10) {
    ///     println!("{}: {}", info.room, info.sockets);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn largest_rooms(&self, limit: usize) -> Vec<RoomInfo> {
        let rooms = self.active_namespace().adapter.largest_rooms(limit);
        rooms.into_iter().map(RoomInfo::new).collect()
    }

    /// A page of the sockets that are connected to the namespace on this server, in no particular
    /// order: `limit` of them at most, and at least one if there is one. A socket that is connected
    /// all the time is on exactly one page. To get all at once, use [`sockets`](crate::Broadcast::sockets).
    pub fn sockets_page(&self, from: Cursor, limit: usize) -> Page<Socket> {
        let (sockets, next) = self.active_namespace().adapter.sockets_from(from.slot(), limit);
        Page::new(sockets, next.map(Cursor::at))
    }

    /// A page of the sockets of this server that are in a room, `limit` of them at most, and at
    /// least one if there is one. When one leaves between two pages, the last member moves to its
    /// position and may be missed; to get all at one moment, use `io.to(room).sockets()`.
    pub fn members_page(&self, room: impl Into<Room>, from: Cursor, limit: usize) -> Page<Socket> {
        let adapter = &self.active_namespace().adapter;
        let (members, next) = adapter.members_from(&room.into(), from.slot(), limit);
        Page::new(members, next.map(Cursor::at))
    }
}

impl RoomInfo {
    fn new((room, sockets): (Room, usize)) -> Self {
        Self { room, sockets }
    }
}

impl Server {
    /// A page of the sessions, whatever their namespaces, in the order in which they were opened:
    /// `limit` of them at most, and at least one if there is one. It reads the number of every
    /// session, and wakes those on the page: the task of each has to report its details. One that
    /// ends meanwhile is left out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sockeye::BuildError> {
    /// # let server = sockeye::Server::builder().build()?;
    /// let page = server.sessions_page(Default::default(), 50).await;
    /// for session in &page.items {
    ///     println!("{} on {}", session.sid, session.transport);
    /// }
    /// assert!(page.next.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn sessions_page(&self, from: Cursor, limit: usize) -> Page<SessionInfo> {
        let limit = limit.max(1);
        let sessions = self.engine.session_page(from.0, limit);
        let last = sessions.last().filter(|_| sessions.len() >= limit);
        let next = last.map(|last| Cursor(last.number() + 1));
        let asked: Vec<_> = sessions
            .into_iter()
            .map(|session| {
                let (describe, answer) = Describe::new();
                let is_asked = session.command(Box::new(describe));
                (session, is_asked.then_some(answer))
            })
            .collect();
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let mut items = Vec::with_capacity(asked.len());
        for (session, answer) in asked {
            let answer = match answer {
                Some(answer) => timeout_at(deadline, answer).await,
                None if session.is_closed() => continue,
                None => {
                    items.push(SessionInfo::new(&session, None));
                    continue;
                }
            };
            match answer {
                Ok(Ok(details)) => items.push(SessionInfo::new(&session, Some(details))),
                // It has ended.
                Ok(Err(_)) => {}
                Err(_) => items.push(SessionInfo::new(&session, None)),
            }
        }
        Page::new(items, next)
    }
}

/// How long the details of all sessions of a page are awaited together.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

impl SessionInfo {
    fn new(session: &Session, details: Option<SessionDetails>) -> Self {
        Self {
            number: session.number(),
            sid: session.id().shortened().to_string(),
            transport: session.transport().as_str(),
            revision: session.revision().number(),
            details,
        }
    }
}
