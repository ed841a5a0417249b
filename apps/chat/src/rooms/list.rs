//! The namespace `/rooms`: the live list.

use std::num::NonZeroU32;

use sockeye::{Ack, Event, Local, Namespace, Refuse, Socket, State};

use super::access::{Access, access};
use super::contract::{self, ListRooms, Room, RoomPage};
use super::live::membership_of;
use crate::accounts::Caller;
use crate::app::App;
use crate::conversation::report;
use crate::quota::Origin;
use crate::refusal::{Refused, Reply};

/// The namespace.
pub const PATH: &str = "/rooms";
/// The library's room of everybody who is told of what everybody may see.
pub(super) const PUBLIC: &str = "public";

const LIST: Event<ListRooms, Reply<RoomPage>> = Event::new(contract::LIST.name());

/// The namespace with its event.
pub fn namespace() -> Namespace<App> {
    Namespace::new(PATH)
        .on_connect(admit)
        .on(LIST, list)
        .on_error(report)
        .concurrent_handlers_max(NonZeroU32::MIN)
}

/// Whoever is admitted hears of changes from then on, before the list is asked for.
async fn admit(socket: Socket, State(app): State<App>) -> Result<(), Refuse> {
    app.accounts.admit(&socket).await?;
    socket.join(PUBLIC);
    Ok(())
}

async fn list(
    socket: Socket,
    Local(caller): Local<Caller>,
    State(app): State<App>,
    asked: ListRooms,
) -> Ack<Reply<RoomPage>> {
    Ack(page(&app, &socket, &caller, &asked).await.into())
}

async fn page(
    app: &App,
    socket: &Socket,
    caller: &Caller,
    asked: &ListRooms,
) -> Result<RoomPage, Refused> {
    let address = socket.handshake().address();
    app.usage.enter(&caller.id, Origin::of(address.map(|address| address.ip())))?;
    let listed = app.store.list(&caller.id, asked).await?;
    let io = socket.io();
    let mut memberships = Vec::new();
    let mut rooms = Vec::with_capacity(listed.rooms.len());
    for of in &listed.rooms {
        let shown = app.rooms.shown(app, &io, &of.room);
        rooms.push(match access(of.room.kind, of.place.as_ref()) {
            Access::Member(_) => {
                memberships.push(membership_of(&of.room.id, of.place.as_ref()));
                shown
            }
            Access::MayEnter => shown,
            Access::Banned | Access::NeedsPassword => Room { last: None, ..shown },
            // The list has no such.
            Access::Nothing => continue,
        });
    }
    let own: Vec<_> = memberships.iter().map(|own| own.room.clone()).collect();
    let counts = app.store.counts_of(&caller.id, Some(&own)).await?;
    Ok(RoomPage { rooms, memberships, counts, next: listed.next })
}
