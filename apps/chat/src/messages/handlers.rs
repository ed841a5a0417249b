//! What is said in `/chat`, and what is done to it.
//!
//! The page sends messages from the client's outbox, and the namespace is reliable: an event that comes again because
//! its answer got lost is answered as it was the first time. What that does not cover, such as a restart in between,
//! the key of a message does.

use sockeye::{Ack, Acker, Deferred, Event, Io, Namespace};
use tokio::sync::oneshot;

use super::contract::{
    self, AskHistory, AskReactors, Author, Edit, EditMessage, Edited, HISTORY_MESSAGES_MAX,
    History, MENTIONS_MAX, Message, OneMessage, PICTURES_MAX, React, Reacted, Say,
};
use super::delivery::{deliver, deliver_edited, deliver_reaction};
use super::store::{NewMessage, Page, Said, Touch, TouchDone, TouchError};
use crate::accounts::contract::Person;
use crate::app::App;
use crate::conversation::Asking;
use crate::input::{Emoji, Field, MessageKey, MessageText};
use crate::refusal::{Refused, Reply, answer};
use crate::rooms::store::Actor;
use crate::store::StoreError;

const SAY: Event<Say, Reply<Message>> = Event::new(contract::SAY.name());
const HISTORY: Event<AskHistory, Reply<History>> = Event::new(contract::HISTORY.name());
const EDIT: Event<EditMessage, Reply<Edited>> = Event::new(contract::EDIT.name());
const DELETE_MESSAGE: Event<OneMessage, Reply<()>> = Event::new(contract::DELETE_MESSAGE.name());
const REACT: Event<React, Reply<Reacted>> = Event::new(contract::REACT.name());
const EDITS: Event<OneMessage, Reply<Vec<Edit>>> = Event::new(contract::EDITS.name());
const REACTORS: Event<AskReactors, Reply<Vec<Person>>> = Event::new(contract::REACTORS.name());

/// Adds the events of messages.
pub(crate) fn on(chat: Namespace<App>) -> Namespace<App> {
    chat.on(SAY, say)
        .on(HISTORY, history)
        .on(EDIT, edit)
        .on(DELETE_MESSAGE, delete_message)
        .on(REACT, react)
        .on(EDITS, edits)
        .on(REACTORS, reactors)
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
            asking.app.reading.before_saying(&asking.app, &message.room, &message.by.id).await;
            // Closed: the client gets no answer, comes back when the server does, and tries again.
            let _ = asking.app.store.say(message, done).await;
        }
        Err(refused) => answer(acker, Err(refused)),
    }
    deferred
}

async fn history(asking: Asking, asked: AskHistory) -> Ack<Reply<History>> {
    Ack(asking.history(&asked).await.into())
}

async fn edit(asking: Asking, asked: EditMessage) -> Ack<Reply<Edited>> {
    Ack(asking.edit(asked).await.into())
}

async fn delete_message(asking: Asking, asked: OneMessage) -> Ack<Reply<()>> {
    Ack(asking.delete(asked).await.into())
}

async fn react(asking: Asking, asked: React) -> Ack<Reply<Reacted>> {
    Ack(asking.react(asked).await.into())
}

async fn edits(asking: Asking, asked: OneMessage) -> Ack<Reply<Vec<Edit>>> {
    Ack(asking.edits(&asked).await.into())
}

async fn reactors(asking: Asking, asked: AskReactors) -> Ack<Reply<Vec<Person>>> {
    Ack(asking.reactors(&asked).await.into())
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
    Ok(NewMessage {
        room: request.room,
        by,
        text,
        pictures: request.pictures,
        key,
        reply_to: request.reply_to,
        mentions: mentions(request.mentions),
    })
}

/// As many as there may be.
fn mentions(mut people: Vec<String>) -> Vec<String> {
    people.truncate(MENTIONS_MAX);
    people
}

/// What became of what was queued.
async fn outcome<T>(outcome: oneshot::Receiver<Result<T, TouchError>>) -> Result<T, Refused> {
    Ok(outcome.await.map_err(|_| Refused::Storage)??)
}

impl Asking {
    async fn history(&self, asked: &AskHistory) -> Result<History, Refused> {
        self.look(&asked.room)?;
        let page = match (asked.before, asked.after, asked.around) {
            (Some(id), _, _) => Page::Before(id),
            (None, Some(id), _) => Page::After(id),
            (None, None, Some(id)) => Page::Around(id),
            (None, None, None) => Page::Newest,
        };
        let limit = asked.limit.unwrap_or(HISTORY_MESSAGES_MAX);
        Ok(self.app.store.page(&asked.room, &self.caller.id, page, limit).await?)
    }

    async fn edit(&self, asked: EditMessage) -> Result<Edited, Refused> {
        let EditMessage { room, message, text, mentions: people } = asked;
        let text = MessageText::parse_beside_pictures(text)?;
        self.count(&room, text.as_str().len())?;
        let (done, edited) = self.when_done(deliver_edited);
        let touch = self.touch(room, message);
        self.app.store.edit(touch, text, mentions(people), done).await?;
        Ok(outcome(edited).await?.edited)
    }

    async fn delete(&self, asked: OneMessage) -> Result<(), Refused> {
        self.look(&asked.room)?;
        let (done, edited) = self.when_done(deliver_edited);
        self.app.store.delete(self.touch(asked.room, asked.message), done).await?;
        outcome(edited).await.map(drop)
    }

    async fn react(&self, asked: React) -> Result<Reacted, Refused> {
        let React { room, message, emoji, is_on } = asked;
        let emoji = Emoji::parse(&emoji, Field::Reaction)?;
        self.count(&room, emoji.as_str().len())?;
        let (done, reaction) = self.when_done(deliver_reaction);
        self.app.store.react(self.touch(room, message), emoji, is_on, done).await?;
        Ok(outcome(reaction).await?.reacted)
    }

    /// Whether so much may be written in a room, which has to be open. It costs others as much as a message does.
    fn count(&self, room: &str, bytes: usize) -> Result<(), Refused> {
        if !self.open.has(room) {
            return Err(Refused::NotOpened);
        }
        Ok(self.app.usage.say(&self.caller.id, self.open.origin, bytes)?)
    }

    fn touch(&self, room: String, message: i64) -> Touch {
        let by = Actor { id: self.caller.id.clone(), role: self.caller.person().role };
        Touch { room, message, by }
    }

    /// What tells those who are in the room of something that was done to a message, in stored order, and where its
    /// outcome comes.
    fn when_done<T: Send + 'static>(
        &self,
        deliver: fn(&App, &Io, &T),
    ) -> (TouchDone<T>, oneshot::Receiver<Result<T, TouchError>>) {
        let (told, outcome) = oneshot::channel();
        let (app, io) = (self.app.clone(), self.io());
        let done: TouchDone<T> = Box::new(move |touched| {
            if let Ok(touched) = &touched {
                deliver(&app, &io, touched);
            }
            let _ = told.send(touched);
        });
        (done, outcome)
    }

    async fn edits(&self, asked: &OneMessage) -> Result<Vec<Edit>, Refused> {
        self.look(&asked.room)?;
        Ok(self.app.store.edits(&asked.room, asked.message).await?)
    }

    async fn reactors(&self, asked: &AskReactors) -> Result<Vec<Person>, Refused> {
        self.look(&asked.room)?;
        Ok(self.app.store.reactors(&asked.room, asked.message, &asked.emoji).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_people_are_mentioned_and_no_more() {
        let people = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(mentions(people(MENTIONS_MAX)).len(), MENTIONS_MAX);
        assert_eq!(mentions(people(MENTIONS_MAX + 1)), people(MENTIONS_MAX));
    }
}
