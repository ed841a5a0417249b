//! What servers of a cluster say to each other, in no particular form.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use sockeye_socket_proto::EventRef;

use crate::EMITTER;

/// What one server, or an emitter, says to the servers of a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// Who says it. `None` where the form does not tell: answers of the classic form.
    pub sender: Option<Cow<'a, str>>,
    /// The namespace's name, with its slash.
    pub namespace: Cow<'a, str>,
    /// What is said.
    pub body: Body<'a>,
}

/// What is said. Those with a `request` that is an id ask: each server answers with that id.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// The sender is new here: the others say [`Heartbeat`](Self::Heartbeat) at once.
    InitialHeartbeat,
    /// The sender is there.
    Heartbeat,
    /// The sender leaves the cluster.
    Close,
    /// An event for sockets. With a request the clients are asked: [`Asked`](Self::Asked) and then as many
    /// [`Ack`](Self::Ack).
    Emit {
        /// For which sockets.
        targets: Targets<'a>,
        /// How it is sent.
        flags: Flags,
        /// The event.
        event: Emitted<'a>,
        /// The id of the request, if clients are to answer.
        request: Option<Cow<'a, str>>,
    },
    /// Sockets enter rooms.
    Join {
        /// Which sockets.
        targets: Targets<'a>,
        /// The rooms.
        rooms: Vec<Cow<'a, str>>,
    },
    /// Sockets leave rooms.
    Leave {
        /// Which sockets.
        targets: Targets<'a>,
        /// The rooms.
        rooms: Vec<Cow<'a, str>>,
    },
    /// Sockets are disconnected from the namespace.
    Disconnect {
        /// Which sockets.
        targets: Targets<'a>,
        /// Whether their connections are closed, with all namespaces.
        closes: bool,
    },
    /// Which sockets are there? [`Sockets`](Self::Sockets).
    Fetch {
        /// Which of them are asked about.
        targets: Targets<'a>,
        /// The id of the request.
        request: Cow<'a, str>,
    },
    /// An event for the servers themselves. With a request each answers: [`Handled`](Self::Handled).
    ServerSideEmit {
        /// The event.
        event: Emitted<'a>,
        /// The id of the request, if servers are to answer.
        request: Option<Cow<'a, str>>,
    },
    /// To [`Emit`](Self::Emit): so many clients of the sender are asked.
    Asked {
        /// The id of the request.
        request: Cow<'a, str>,
        /// How many.
        count: u64,
    },
    /// To [`Emit`](Self::Emit): one client's answer.
    Ack {
        /// The id of the request.
        request: Cow<'a, str>,
        /// Which socket's; servers of this project tell it, Node's do not.
        socket: Option<Cow<'a, str>>,
        /// The first argument of the answer: Node passes no other on. `None`: the client is gone and will not answer,
        /// which is said to servers of this project only.
        answer: Option<Value<'a>>,
    },
    /// To [`Fetch`](Self::Fetch).
    Sockets {
        /// The id of the request.
        request: Cow<'a, str>,
        /// The sender's sockets.
        sockets: Vec<RemoteSocket<'a>>,
    },
    /// To [`ServerSideEmit`](Self::ServerSideEmit): what the sender's handler answered.
    Handled {
        /// The id of the request.
        request: Cow<'a, str>,
        /// The answer's one argument.
        answer: Value<'a>,
    },
    /// To [`ServerSideEmit`](Self::ServerSideEmit): the sender has no handler for it. Node's servers do not answer then,
    /// and would take this for an answer without a value: it is for servers of this project only.
    Unhandled {
        /// The id of the request.
        request: Cow<'a, str>,
    },
}

/// For which sockets of a namespace something is: those in any of `rooms`, or all where there are none, without those
/// in any of `except`. A socket is in the room of its own id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets<'a> {
    /// The rooms.
    pub rooms: Vec<Cow<'a, str>>,
    /// The rooms whose members are left out.
    pub except: Vec<Cow<'a, str>>,
}

/// How an event is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// Only to sockets that can take it right now.
    pub is_volatile: bool,
    /// Whether it may be compressed on its way; `None`: not said, it may.
    pub compress: Option<bool>,
    /// How long answers are awaited.
    pub timeout: Option<Duration>,
    /// One socket is asked and its answer, no list, is wanted.
    pub expects_single_response: bool,
}

/// An event with its arguments as JSON text. [`EventRef`] is the same with its name borrowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    /// The arguments: the elements of a JSON array without its brackets, after the name.
    pub args: &'a str,
    /// What the placeholders in `args` stand for.
    pub attachments: &'a [Bytes],
}

/// One JSON value, or none where nothing was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Value<'a> {
    /// The text; empty: no value, `undefined` in JavaScript.
    pub json: Cow<'a, str>,
    /// What the placeholders in it stand for.
    pub attachments: Cow<'a, [Bytes]>,
}

/// A socket of another server.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteSocket<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The request that opened its session: a JSON object, as Node's `socket.handshake`.
    pub handshake: Cow<'a, str>,
    /// The rooms it is in.
    pub rooms: Vec<Cow<'a, str>>,
    /// What Node calls `socket.data`, as JSON.
    pub data: Cow<'a, str>,
}

impl Message<'_> {
    /// The server that says it. `None`: an emitter, which is no server, or the form does not tell.
    pub fn server(&self) -> Option<&str> {
        self.sender.as_deref().filter(|sender| *sender != EMITTER)
    }
}

impl Body<'_> {
    /// Whether it answers a request, and goes to the server that asked alone.
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Body::Asked { .. }
                | Body::Ack { .. }
                | Body::Sockets { .. }
                | Body::Handled { .. }
                | Body::Unhandled { .. }
        )
    }

    /// The id of the request that it makes or answers.
    pub fn request(&self) -> Option<&str> {
        match self {
            Body::Emit { request, .. } | Body::ServerSideEmit { request, .. } => request.as_deref(),
            Body::Fetch { request, .. }
            | Body::Asked { request, .. }
            | Body::Ack { request, .. }
            | Body::Sockets { request, .. }
            | Body::Handled { request, .. }
            | Body::Unhandled { request } => Some(request),
            Body::InitialHeartbeat
            | Body::Heartbeat
            | Body::Close
            | Body::Join { .. }
            | Body::Leave { .. }
            | Body::Disconnect { .. } => None,
        }
    }
}

impl<'a> Targets<'a> {
    /// The sockets in one room.
    pub fn room(name: impl Into<Cow<'a, str>>) -> Self {
        Self { rooms: vec![name.into()], except: Vec::new() }
    }
}

impl<'a> Value<'a> {
    /// A value that is there already, borrowed.
    pub fn new(json: &'a str, attachments: &'a [Bytes]) -> Self {
        Self { json: json.into(), attachments: attachments.into() }
    }

    /// Copies it. Attachments are shared, not copied.
    pub fn into_owned(self) -> Value<'static> {
        let (json, attachments) = (self.json.into_owned(), self.attachments.into_owned());
        Value { json: json.into(), attachments: attachments.into() }
    }
}

impl Emitted<'_> {
    /// The event as handlers and encoders take it.
    pub fn event_ref(&self) -> EventRef<'_> {
        EventRef { name: &self.name, args: self.args, attachments: self.attachments }
    }
}

impl<'a> From<EventRef<'a>> for Emitted<'a> {
    fn from(event: EventRef<'a>) -> Self {
        let EventRef { name, args, attachments } = event;
        Self { name: name.into(), args, attachments }
    }
}
