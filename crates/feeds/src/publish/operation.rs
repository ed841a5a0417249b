//! What a request asks for: one operation on the sockets of a namespace.

use sockeye::{Broadcast, EmitError, Io, RawArgs, Room, Server};

use super::arguments;
use super::config::PublishingConfig;
use super::error::{ApiError, ErrorCode};
use super::keys::{ApiKey, Verb};
use super::members::{Members, Texts};
use crate::metrics;

/// The members that say which sockets, in every operation.
const WHOM: [&str; 6] = ["namespace", "room", "rooms", "socket", "everybody", "except"];

/// An operation on some sockets of a namespace.
#[derive(Debug)]
pub(super) struct Operation {
    namespace: String,
    whom: Whom,
    except: Vec<Room>,
    action: Action,
}

/// The sockets that it is for.
#[derive(Debug)]
enum Whom {
    Everybody,
    Rooms(Vec<Room>),
    Socket(String),
}

#[derive(Debug)]
enum Action {
    Publish { event: String, args: RawArgs, is_volatile: bool },
    Join(Vec<Room>),
    Leave(Vec<Room>),
    Disconnect { closes: bool },
}

impl Operation {
    /// Reads an operation of this verb. `in_batch`: it stands in an array of them and has a member `verb`.
    pub(super) fn parse(
        verb: Verb,
        json: &[u8],
        in_batch: bool,
        config: &PublishingConfig,
    ) -> Result<Self, ApiError> {
        let (own, unknown): (&[&str], _) = match verb {
            Verb::Publish => (
                &["event", "data", "volatile"],
                "An unknown member: publish takes `event`, `data`, `volatile`, `namespace`, one of `room`, `rooms`, \
                 `socket`, `everybody`, and `except`.",
            ),
            Verb::Join => (
                &["to"],
                "An unknown member: join takes `to`, `namespace`, one of `room`, `rooms`, `socket`, `everybody`, and \
                 `except`.",
            ),
            Verb::Leave => (
                &["from"],
                "An unknown member: leave takes `from`, `namespace`, one of `room`, `rooms`, `socket`, `everybody`, \
                 and `except`.",
            ),
            _ => (
                &["close"],
                "An unknown member: disconnect takes `close`, `namespace`, one of `room`, `rooms`, `socket`, \
                 `everybody`, and `except`.",
            ),
        };
        let in_batch: &[&str] = if in_batch { &["verb"] } else { &[] };
        let known = [&WHOM[..], own, in_batch].concat();
        let members = Members::parse(json, &known, unknown)?;
        let namespace = namespace(members.get("namespace", NO_NAMESPACE)?)?;
        let whom = whom(&members, config)?;
        let except = rooms(&members, "except", NO_EXCEPT, config)?.unwrap_or_default();
        let action = action(verb, &members, config)?;
        let whom = match (whom, &action) {
            (Some(whom), _) => whom,
            (None, Action::Publish { .. }) => Whom::Everybody,
            (None, _) => return Err(ErrorCode::BadRequest.because(NOBODY)),
        };
        Ok(Self { namespace, whom, except, action })
    }

    fn verb(&self) -> Verb {
        match self.action {
            Action::Publish { .. } => Verb::Publish,
            Action::Join(_) => Verb::Join,
            Action::Leave(_) => Verb::Leave,
            Action::Disconnect { .. } => Verb::Disconnect,
        }
    }

    /// Whether the key is for it.
    pub(super) fn check_scope(&self, key: &ApiKey) -> Result<(), ApiError> {
        let may = key.may(self.verb(), &self.namespace);
        if may { Ok(()) } else { Err(ErrorCode::OutOfScope.error()) }
    }

    /// Does it; gives the JSON that is answered.
    pub(super) async fn perform(&self, server: &Server) -> Result<&'static str, ApiError> {
        let json = self.apply(server).await?;
        metrics::publish_done(self.verb().as_str());
        Ok(json)
    }

    async fn apply(&self, server: &Server) -> Result<&'static str, ApiError> {
        let io = server.of(&self.namespace).ok_or(ErrorCode::UnknownNamespace.error())?;
        let targets = match &self.whom {
            Whom::Everybody => io.everybody(),
            Whom::Rooms(rooms) => io.to(rooms),
            Whom::Socket(id) => socket(&io, id).await?,
        };
        let targets = match self.except.is_empty() {
            true => targets,
            false => targets.except(&self.except),
        };
        match &self.action {
            Action::Publish { event, args, is_volatile } => {
                let targets = if *is_volatile { targets.volatile() } else { targets };
                match targets.emit(event.as_str(), args) {
                    Ok(()) => Ok(r#"{"published":true}"#),
                    Err(EmitError::Reserved(_)) => Err(ErrorCode::ReservedEvent.error()),
                    // What can be wrong with arguments was looked at.
                    Err(_) => Err(ErrorCode::BadRequest.because("`data` cannot be sent.")),
                }
            }
            Action::Join(rooms) => {
                targets.join(rooms);
                Ok(r#"{"joined":true}"#)
            }
            Action::Leave(rooms) => {
                targets.leave(rooms);
                Ok(r#"{"left":true}"#)
            }
            Action::Disconnect { closes } => {
                if *closes {
                    targets.close_sessions()
                } else {
                    targets.disconnect()
                };
                Ok(r#"{"disconnected":true}"#)
            }
        }
    }
}

/// The one socket with this id, on whichever server of the cluster.
async fn socket(io: &Io, id: &str) -> Result<Broadcast, ApiError> {
    let target = io.to(id);
    if io.socket(id).is_some() {
        return Ok(target);
    }
    // A room may have any name; only a socket is in the room of its own id.
    let ids = target.ids().await.map_err(|_| ErrorCode::ClusterUnavailable.error())?;
    match ids.iter().any(|other| *other == *id) {
        true => Ok(target),
        false => Err(ErrorCode::UnknownSocket.error()),
    }
}

/// The name of a namespace; the main one if there is none.
pub(super) fn namespace(name: Option<String>) -> Result<String, ApiError> {
    match name {
        None => Ok("/".to_owned()),
        Some(name) if name.starts_with('/') => Ok(name),
        Some(_) => Err(ErrorCode::BadRequest.because(NO_NAMESPACE)),
    }
}

fn whom(members: &Members<'_>, config: &PublishingConfig) -> Result<Option<Whom>, ApiError> {
    let bad = |message| ErrorCode::BadRequest.because(message);
    let room: Option<String> = members.get("room", NO_ROOM)?;
    let room = room.map(|room| Whom::Rooms(vec![room.into()]));
    let rooms = rooms(members, "rooms", NO_ROOMS, config)?;
    if rooms.as_ref().is_some_and(Vec::is_empty) {
        return Err(bad(NO_ROOMS));
    }
    let socket: Option<String> = members.get("socket", NO_SOCKET)?;
    if socket.as_ref().is_some_and(String::is_empty) {
        return Err(bad(NO_SOCKET));
    }
    let everybody = match members.get("everybody", NO_EVERYBODY)? {
        Some(false) => return Err(bad(NO_EVERYBODY)),
        everybody => everybody.map(|_: bool| Whom::Everybody),
    };
    let all = [room, rooms.map(Whom::Rooms), socket.map(Whom::Socket), everybody];
    let mut given = all.into_iter().flatten();
    let whom = given.next();
    match given.next() {
        None => Ok(whom),
        Some(_) => Err(bad("Only one of `room`, `rooms`, `socket` and `everybody` can be there.")),
    }
}

fn action(
    verb: Verb,
    members: &Members<'_>,
    config: &PublishingConfig,
) -> Result<Action, ApiError> {
    let some_rooms = |name, wrong| match rooms(members, name, wrong, config)? {
        Some(rooms) if !rooms.is_empty() => Ok(rooms),
        _ => Err(ErrorCode::BadRequest.because(wrong)),
    };
    Ok(match verb {
        Verb::Publish => {
            let event: Option<String> = members.get("event", NO_EVENT)?;
            let event = event.ok_or(ErrorCode::BadRequest.because(NO_EVENT))?;
            let args = members.raw("data").map(|data| arguments::parse(data.get(), config));
            let is_volatile = flag(members, "volatile", "`volatile` has to be true or false.")?;
            Action::Publish { event, args: args.transpose()?.unwrap_or_default(), is_volatile }
        }
        Verb::Join => Action::Join(some_rooms("to", NO_TO)?),
        Verb::Leave => Action::Leave(some_rooms("from", NO_FROM)?),
        _ => Action::Disconnect {
            closes: flag(members, "close", "`close` has to be true or false.")?,
        },
    })
}

fn flag(members: &Members<'_>, name: &str, wrong: &'static str) -> Result<bool, ApiError> {
    Ok(members.get(name, wrong)?.unwrap_or(false))
}

fn rooms(
    members: &Members<'_>,
    name: &str,
    wrong: &'static str,
    config: &PublishingConfig,
) -> Result<Option<Vec<Room>>, ApiError> {
    let names: Option<Texts> = members.get(name, wrong)?;
    let rooms = names.map(|names| Vec::from(names).into_iter().map(Room::from).collect::<Vec<_>>());
    if rooms.as_ref().is_some_and(|rooms| rooms.len() > config.rooms_max) {
        return Err(ErrorCode::BadRequest.because(
            "Too many rooms in one operation: name fewer, or let the sockets join one for it.",
        ));
    }
    Ok(rooms)
}

const NO_NAMESPACE: &str =
    "`namespace` has to be the name of a namespace with its slash, such as `/` or `/news`.";
const NO_ROOM: &str = "`room` has to be the name of a room, a text.";
const NO_ROOMS: &str = "`rooms` has to be the name of a room or an array of them, of one at least: to reach everybody leave it out.";
const NO_SOCKET: &str = "`socket` has to be the id of a socket, a text.";
const NO_EVERYBODY: &str = "`everybody` can only be true.";
const NO_EXCEPT: &str = "`except` has to be the name of a room or an array of them.";
const NO_EVENT: &str = "`event` has to be there: the name of the event, a text.";
const NO_TO: &str = "`to` has to be there: the room or the array of rooms to join.";
const NO_FROM: &str = "`from` has to be there: the room or the array of rooms to leave.";
const NOBODY: &str = "It is not said whom this is for: name a `room`, `rooms` or a `socket`, or say `\"everybody\": true`.";
