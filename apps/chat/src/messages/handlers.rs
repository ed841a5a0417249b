//! What is said in `/chat`.
//!
//! The page sends messages from the client's outbox, and the namespace is reliable: an event that comes again because
//! its answer got lost is answered as it was the first time. What that does not cover, such as a restart in between,
//! the key of a message does.

use sockeye::{Acker, Deferred, Event, Namespace};

use super::contract::{self, Author, Message, PICTURES_MAX, Say};
use super::delivery::deliver;
use super::store::{NewMessage, Said};
use crate::app::App;
use crate::conversation::Asking;
use crate::input::{MessageKey, MessageText};
use crate::refusal::{Refused, Reply, answer};
use crate::store::StoreError;

const SAY: Event<Say, Reply<Message>> = Event::new(contract::SAY.name());

/// Adds the events of messages.
pub(crate) fn on(chat: Namespace<App>) -> Namespace<App> {
    chat.on(SAY, say)
}

async fn say(
    asking: Asking,
    acker: Acker<Reply<Message>>,
    request: Say,
) -> Deferred<Reply<Message>> {
    let deferred = acker.defer();
    match take(&asking, request) {
        Ok(message) => {
            let (io, there) = (asking.io(), asking.app.clone());
            let done = Box::new(move |said: Result<Said, StoreError>| match said {
                // The answer first, so that the sender knows the message when it arrives as an event.
                Ok(said) => {
                    answer(acker, Ok(said.posted.message().clone()));
                    deliver(&there, &io, &said);
                }
                Err(error) => answer(acker, Err(error.into())),
            });
            // Closed: the client gets no answer, comes back when the server does, and tries again.
            let _ = asking.app.store.say(message, done).await;
        }
        Err(refused) => answer(acker, Err(refused)),
    }
    deferred
}

/// The message as it is to be stored, counted.
fn take(asking: &Asking, request: Say) -> Result<NewMessage, Refused> {
    let Asking { app, caller, open, .. } = asking;
    if !open.has(&request.room) {
        return Err(Refused::NotOpened);
    }
    if request.pictures.len() > PICTURES_MAX {
        return Err(Refused::TooManyPictures);
    }
    let text = if request.pictures.is_empty() {
        MessageText::parse(request.text)?
    } else {
        MessageText::parse_beside_pictures(request.text)?
    };
    let key = MessageKey::parse(request.key)?;
    app.usage.say(&caller.id, open.origin, text.as_str().len())?;
    let person = caller.person();
    let by = Author {
        id: person.id.clone(),
        name: person.name.clone(),
        colour: person.colour,
        picture: person.picture.clone(),
    };
    Ok(NewMessage { room: request.room, by, text, pictures: request.pictures, key })
}
