//! Operations and replies as messages, and back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use sockeye::{
    Action, Flags, Operation, RawArgs, RemoteError, Reply, Room, SharedData, SocketDetails,
    SocketId, TargetsRef,
};
use sockeye_cluster_proto::{self as proto, Body, RemoteSocket, Targets, Value};

use crate::handshake;

/// What an operation is on the wire. `request`: the id, if it asks.
pub(crate) fn body<'a>(operation: &Operation<'a>, request: Option<&'a str>) -> Body<'a> {
    let targets = targets(operation.targets);
    let request = request.map(Cow::Borrowed);
    match operation.action {
        Action::Emit { event, .. } => Body::Emit {
            targets,
            flags: flags(operation.flags, false),
            event: event.into(),
            request: None,
        },
        Action::EmitWithAck(event) => Body::Emit {
            targets,
            flags: flags(operation.flags, true),
            event: event.into(),
            request,
        },
        Action::Join(rooms) => Body::Join { targets, rooms: texts(rooms) },
        Action::Leave(rooms) => Body::Leave { targets, rooms: texts(rooms) },
        Action::Disconnect => Body::Disconnect { targets, closes: false },
        Action::CloseSessions => Body::Disconnect { targets, closes: true },
        Action::ServerSideEmit(event) => {
            Body::ServerSideEmit { event: event.into(), request: None }
        }
        Action::ServerSideEmitWithAck(event) => {
            Body::ServerSideEmit { event: event.into(), request }
        }
        // Ids are asked for as the sockets are: servers of Node know no other question.
        _ => Body::Fetch { targets, request: request.unwrap_or_default() },
    }
}

fn targets<'a>(targets: TargetsRef<'a>) -> Targets<'a> {
    let mut except = texts(targets.except);
    except.extend(targets.sender.map(|sender| Cow::Borrowed(sender.as_str())));
    Targets { rooms: texts(targets.rooms), except }
}

fn texts(rooms: &[Room]) -> Vec<Cow<'_, str>> {
    rooms.iter().map(|room| Cow::Borrowed(room.as_str())).collect()
}

fn flags(flags: Flags, asks: bool) -> proto::Flags {
    proto::Flags {
        is_volatile: flags.is_volatile,
        // As Node's servers, which say so only if it is not to be compressed.
        compress: (!flags.may_compress).then_some(false),
        timeout: asks.then_some(flags.timeout),
        expects_single_response: false,
    }
}

/// Carries out what a message says, by an operation. `timeout`: how long clients are waited for if it does not say so.
/// `offset`: an event's, if the bus has given it one. Answers are no operations.
pub(crate) fn with_operation(
    namespace: &str,
    body: &Body<'_>,
    timeout: Duration,
    offset: Option<&str>,
    act: impl FnOnce(&Operation<'_>),
) {
    let rooms = |names: &[Cow<'_, str>]| -> Vec<Room> {
        names.iter().map(|name| Room::from(name.as_ref())).collect()
    };
    let nobody = Targets::default();
    let (of, others): (&Targets<'_>, &[Cow<'_, str>]) = match body {
        Body::Emit { targets, .. }
        | Body::Disconnect { targets, .. }
        | Body::Fetch { targets, .. } => (targets, &[]),
        Body::Join { targets, rooms } | Body::Leave { targets, rooms } => (targets, rooms),
        _ => (&nobody, &[]),
    };
    let (named, except, others) = (rooms(&of.rooms), rooms(&of.except), rooms(others));
    let mut flags = Flags { is_volatile: false, may_compress: true, timeout };
    let action = match body {
        Body::Emit { flags: said, event, request, .. } => {
            flags.is_volatile = said.is_volatile;
            flags.may_compress = said.compress != Some(false);
            flags.timeout = said.timeout.unwrap_or(timeout);
            match request {
                None => Action::Emit { event: event.event_ref(), offset },
                Some(_) => Action::EmitWithAck(event.event_ref()),
            }
        }
        Body::Join { .. } => Action::Join(&others),
        Body::Leave { .. } => Action::Leave(&others),
        Body::Disconnect { closes: false, .. } => Action::Disconnect,
        Body::Disconnect { closes: true, .. } => Action::CloseSessions,
        Body::Fetch { .. } => Action::Fetch,
        Body::ServerSideEmit { event, request: None } => Action::ServerSideEmit(event.event_ref()),
        Body::ServerSideEmit { event, request: Some(_) } => {
            Action::ServerSideEmitWithAck(event.event_ref())
        }
        _ => return,
    };
    let targets = TargetsRef { rooms: &named, except: &except, sender: None };
    act(&Operation { namespace, targets, flags, action });
}

/// What this server replies, as a message. `is_ours`: to a server of this project, which is told more than Node's
/// servers understand. `None`: nothing is said, as by a server of Node.
pub(crate) fn answer<'a>(reply: &'a Reply, request: &'a str, is_ours: bool) -> Option<Body<'a>> {
    let request = Cow::Borrowed(request);
    Some(match reply {
        Reply::Asked { count, .. } => Body::Asked { request, count: *count as u64 },
        Reply::Ack { id, answer } => {
            let answer = answer.as_ref().map(first);
            if answer.is_none() && !is_ours {
                return None;
            }
            let socket = id.as_ref().filter(|_| is_ours).map(|id| Cow::Borrowed(id.as_str()));
            Body::Ack { request, socket, answer }
        }
        Reply::Sockets(sockets) => {
            Body::Sockets { request, sockets: sockets.iter().map(remote_socket).collect() }
        }
        Reply::Handled(Ok(answer)) => Body::Handled { request, answer: first(answer) },
        Reply::Handled(Err(error)) => {
            let json = serde_json::json!({ "error": error }).to_string();
            Body::Handled { request, answer: Value { json: json.into(), ..Value::default() } }
        }
        Reply::Unhandled if is_ours => Body::Unhandled { request },
        _ => return None,
    })
}

/// The first argument of an answer: no other goes over the wire.
fn first(args: &RawArgs) -> Value<'_> {
    let mut values = serde_json::Deserializer::from_str(args.json()).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(first)) => Value::new(first.get(), args.attachments()),
        _ => Value::default(),
    }
}

/// What another server answers, as a reply. `wants_ids`: its sockets are asked for by id alone.
pub(crate) fn reply(namespace: &Arc<str>, body: &Body<'_>, wants_ids: bool) -> Option<Reply> {
    let args = |answer: &Value<'_>| RawArgs::new(&answer.json, &answer.attachments);
    Some(match body {
        Body::Asked { count, .. } => {
            Reply::Asked { count: usize::try_from(*count).ok()?, ids: Vec::new() }
        }
        Body::Ack { socket, answer, .. } => {
            let id = socket.as_deref().and_then(socket_id);
            Reply::Ack { id, answer: answer.as_ref().map(args) }
        }
        Body::Sockets { sockets, .. } if wants_ids => {
            Reply::Ids(sockets.iter().filter_map(|socket| socket_id(&socket.id)).collect())
        }
        Body::Sockets { sockets, .. } => {
            let details = sockets.iter().filter_map(|socket| details(namespace, socket));
            Reply::Sockets(details.collect())
        }
        Body::Handled { answer, .. } => {
            let answer = args(answer);
            Reply::Handled(RemoteError::of(&answer).map_or(Ok(answer), Err))
        }
        Body::Unhandled { .. } => Reply::Unhandled,
        _ => return None,
    })
}

fn remote_socket(details: &SocketDetails) -> RemoteSocket<'_> {
    RemoteSocket {
        id: details.id.as_str().into(),
        handshake: handshake::to_json(&details.handshake).into(),
        rooms: texts(&details.rooms),
        data: details.data.json().unwrap_or("{}").into(),
    }
}

/// `None`: its id is none.
fn details(namespace: &Arc<str>, socket: &RemoteSocket<'_>) -> Option<SocketDetails> {
    let data = RawValue::from_string(socket.data.as_ref().to_owned()).ok();
    Some(SocketDetails {
        namespace: Arc::clone(namespace),
        id: socket_id(&socket.id)?,
        rooms: socket.rooms.iter().map(|room| Room::from(room.as_ref())).collect(),
        handshake: handshake::from_json(&socket.handshake),
        // What was never set is an empty object in Node.
        data: SharedData(data.filter(|data| data.get() != "{}")),
    })
}

fn socket_id(text: &str) -> Option<SocketId> {
    text.parse().ok()
}
