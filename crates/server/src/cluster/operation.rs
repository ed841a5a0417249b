//! Operations: the verbs of a broadcast as plain data.

use std::time::Duration;

use sockeye_socket_proto::{EventRef, RawEvent};

use crate::rooms::room::Room;
use crate::rooms::targets::TargetsRef;
use crate::socket::id::SocketId;

/// One verb of a [`Broadcast`](crate::Broadcast) as plain data: whom it is for, how, and what is to
/// be done with them. This server carries out its half at once; the others get theirs by the
/// [`Cluster`](crate::Cluster).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation<'a> {
    /// The namespace's name, with its slash.
    pub namespace: &'a str,
    /// Whom it is for. An action between servers has no targets.
    pub targets: TargetsRef<'a>,
    /// How it is to be carried out.
    pub flags: Flags,
    /// What is to be done.
    pub action: Action<'a>,
}

/// How an operation is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// Only sockets that can take the event right now.
    pub is_volatile: bool,
    /// Whether what is sent may be compressed on its way.
    pub may_compress: bool,
    /// How long answers are awaited, by actions that ask for some.
    pub timeout: Duration,
}

/// What an operation does with the sockets it is for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Action<'a> {
    /// Sends them an event.
    Emit {
        /// The event.
        event: EventRef<'a>,
        /// Its offset, if the cluster gives it one: see
        /// [`assigns_offsets`](crate::Cluster::assigns_offsets).
        offset: Option<&'a str>,
    },
    /// Sends them an event and asks each for an answer: [`Reply::Asked`](crate::Reply::Asked), then
    /// as many [`Reply::Ack`](crate::Reply::Ack).
    EmitWithAck(EventRef<'a>),
    /// Has them enter rooms.
    Join(&'a [Room]),
    /// Has them leave rooms.
    Leave(&'a [Room]),
    /// Disconnects them from the namespace.
    Disconnect,
    /// Disconnects their clients from all namespaces and closes the connections.
    CloseSessions,
    /// Asks for what is known of them: [`Reply::Sockets`](crate::Reply::Sockets).
    Fetch,
    /// Asks for their ids: [`Reply::Ids`](crate::Reply::Ids).
    Ids,
    /// An event for the servers themselves.
    ServerSideEmit(EventRef<'a>),
    /// An event for the servers themselves, with an answer of each:
    /// [`Reply::Handled`](crate::Reply::Handled) or [`Reply::Unhandled`](crate::Reply::Unhandled).
    ServerSideEmitWithAck(EventRef<'a>),
}

/// An operation that is kept, or on its way. The borrowed form is [`Operation`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedOperation {
    namespace: Box<str>,
    rooms: Vec<Room>,
    except: Vec<Room>,
    sender: Option<SocketId>,
    flags: Flags,
    action: OwnedAction,
}

#[derive(Debug, Clone, PartialEq)]
enum OwnedAction {
    Emit { event: RawEvent, offset: Option<Box<str>> },
    EmitWithAck(RawEvent),
    Join(Vec<Room>),
    Leave(Vec<Room>),
    Disconnect,
    CloseSessions,
    Fetch,
    Ids,
    ServerSideEmit(RawEvent),
    ServerSideEmitWithAck(RawEvent),
}

impl Operation<'_> {
    /// Copies the operation. Attachments are shared, not copied.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sockeye::{Action, Flags, Operation, Room, TargetsRef};
    ///
    /// let rooms = [Room::from("lobby")];
    /// let operation = Operation {
    ///     namespace: "/chat",
    ///     targets: TargetsRef { rooms: &rooms, ..TargetsRef::default() },
    ///     flags: Flags { is_volatile: false, may_compress: true, timeout: Duration::from_secs(5) },
    ///     action: Action::Disconnect,
    /// };
    /// let kept = operation.to_owned_operation();
    /// assert_eq!(kept.operation(), operation);
    /// ```
    pub fn to_owned_operation(&self) -> OwnedOperation {
        OwnedOperation {
            namespace: self.namespace.into(),
            rooms: self.targets.rooms.to_vec(),
            except: self.targets.except.to_vec(),
            sender: self.targets.sender.cloned(),
            flags: self.flags,
            action: match self.action {
                Action::Emit { event, offset } => OwnedAction::Emit {
                    event: event.to_raw_event(),
                    offset: offset.map(Into::into),
                },
                Action::EmitWithAck(event) => OwnedAction::EmitWithAck(event.to_raw_event()),
                Action::Join(rooms) => OwnedAction::Join(rooms.to_vec()),
                Action::Leave(rooms) => OwnedAction::Leave(rooms.to_vec()),
                Action::Disconnect => OwnedAction::Disconnect,
                Action::CloseSessions => OwnedAction::CloseSessions,
                Action::Fetch => OwnedAction::Fetch,
                Action::Ids => OwnedAction::Ids,
                Action::ServerSideEmit(event) => OwnedAction::ServerSideEmit(event.to_raw_event()),
                Action::ServerSideEmitWithAck(event) => {
                    OwnedAction::ServerSideEmitWithAck(event.to_raw_event())
                }
            },
        }
    }
}

impl OwnedOperation {
    /// The borrowed form.
    pub fn operation(&self) -> Operation<'_> {
        Operation {
            namespace: &self.namespace,
            targets: TargetsRef {
                rooms: &self.rooms,
                except: &self.except,
                sender: self.sender.as_ref(),
            },
            flags: self.flags,
            action: match &self.action {
                OwnedAction::Emit { event, offset } => {
                    Action::Emit { event: event.event_ref(), offset: offset.as_deref() }
                }
                OwnedAction::EmitWithAck(event) => Action::EmitWithAck(event.event_ref()),
                OwnedAction::Join(rooms) => Action::Join(rooms),
                OwnedAction::Leave(rooms) => Action::Leave(rooms),
                OwnedAction::Disconnect => Action::Disconnect,
                OwnedAction::CloseSessions => Action::CloseSessions,
                OwnedAction::Fetch => Action::Fetch,
                OwnedAction::Ids => Action::Ids,
                OwnedAction::ServerSideEmit(event) => Action::ServerSideEmit(event.event_ref()),
                OwnedAction::ServerSideEmitWithAck(event) => {
                    Action::ServerSideEmitWithAck(event.event_ref())
                }
            },
        }
    }

    /// Gives the event of an [`Action::Emit`] the offset that the cluster has assigned to it. Other
    /// actions have none.
    #[must_use]
    pub fn with_offset(mut self, assigned: &str) -> Self {
        if let OwnedAction::Emit { offset, .. } = &mut self.action {
            *offset = Some(assigned.into());
        }
        self
    }
}

impl Action<'_> {
    /// Whether the servers are to answer it.
    pub fn asks(&self) -> bool {
        matches!(
            self,
            Self::EmitWithAck(_) | Self::Fetch | Self::Ids | Self::ServerSideEmitWithAck(_)
        )
    }
}
