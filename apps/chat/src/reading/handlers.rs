//! What people say of how far they have read, in `/chat`.

use sockeye::{Ack, Event, Namespace};

use super::contract::{self, Read, Readers};
use super::store::Move;
use crate::app::App;
use crate::conversation::Asking;
use crate::messages::contract::OneMessage;
use crate::refusal::{Refused, Reply};
use crate::rooms::access::Access;

const READ: Event<Read, Reply<()>> = Event::new(contract::READ.name());
const UNREAD: Event<Read, Reply<()>> = Event::new(contract::UNREAD.name());
const READERS: Event<OneMessage, Reply<Readers>> = Event::new(contract::READERS.name());

/// Adds the events of reading.
pub(crate) fn on(chat: Namespace<App>) -> Namespace<App> {
    chat.on(READ, read).on(UNREAD, unread).on(READERS, readers)
}

async fn read(asking: Asking, asked: Read) -> Ack<Reply<()>> {
    let Read { room, message } = asked;
    Ack(asking.move_pointer(room, message, false).await.into())
}

async fn unread(asking: Asking, asked: Read) -> Ack<Reply<()>> {
    let Read { room, message } = asked;
    Ack(asking.move_pointer(room, message.saturating_sub(1), true).await.into())
}

async fn readers(asking: Asking, asked: OneMessage) -> Ack<Reply<Readers>> {
    Ack(asking.readers(&asked).await.into())
}

impl Asking {
    /// Members may, and need not have opened the room: they see on the list that there is something unread.
    async fn move_pointer(&self, room: String, to: i64, is_back: bool) -> Result<(), Refused> {
        if !self.open.has(&room) {
            self.app.usage.enter(&self.caller.id, self.open.origin)?;
            let found = self.app.store.room(&room, &self.caller.id).await?;
            let access = found.ok_or(Refused::RoomGone)?.access();
            let Access::Member(_) = access else { return Err(Refused::RoomGone) };
        }
        let to = Move { room, person: self.caller.id.clone(), to, is_back };
        self.app.reading.move_pointer(&self.app, &self.io(), to);
        Ok(())
    }

    async fn readers(&self, asked: &OneMessage) -> Result<Readers, Refused> {
        self.look(&asked.room)?;
        let found = self.app.store.readers(&asked.room, asked.message).await?;
        found.ok_or(Refused::MessageGone)
    }
}
