//! The client: the handle that programs hold.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Weak};

use serde::Serialize;
use sockeye_engine_proto::TransportKind;
use sockeye_socket_proto::{EventName, Request, Subscribe, event_name, to_event_name};
use tokio::sync::watch;

use crate::builder::{Builder, NewSession, SameSession};
use crate::error::{AckError, EmitError, UrlError};
use crate::socket::{AckFuture, Socket, Subscription};
use crate::state::ConnectionState;

/// A handle to one client in one namespace, cheap to clone.
///
/// Dropping the last one leaves the namespace, and closes the session when no other namespace
/// uses it.
///
/// ```no_run
/// use sockeye_client::{Client, Event};
///
/// const SAY: Event<String> = Event::new("say");
/// const JOIN: Event<String, u32> = Event::new("join");
///
/// # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let members = client.emit_with_ack(JOIN, "lobby").await?;
/// client.emit(SAY, &format!("hello, {members}"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Handle>);

/// The part that the clones of a client share; dropping it leaves the namespace.
pub(crate) struct Handle {
    socket: Arc<Socket>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.socket.leave();
    }
}

impl Client {
    /// Describes a client that opens a session of its own. The URL's path is the namespace, as in
    /// Socket.IO's `io(url)`; its query is sent with every request.
    ///
    /// # Errors
    /// [`UrlError`] when the URL cannot be connected to.
    pub fn builder(url: &str) -> Result<Builder<NewSession>, UrlError> {
        Builder::open(url)
    }

    /// Describes a client of another namespace over the same session.
    pub fn namespace(&self, name: &str) -> Builder<SameSession> {
        Builder::share(&self.0.socket, name)
    }

    /// Sends an event, and returns immediately: without a connection it waits in the queue, and after
    /// [`close`](Self::close) it is dropped.
    ///
    /// # Errors
    /// [`EmitError`] when the payload cannot be encoded or the queue is full.
    pub fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        self.0.socket.emit(event_name(&event)?, payload)
    }

    /// Sends an event and asks for an answer, which the returned future awaits.
    ///
    /// It is sent at most once: a request that was sent before the connection broke ends with
    /// [`AckError::Disconnected`], one that still waited is sent on the next connection.
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> AckFuture<A> {
        let timeout = self.0.socket.limits.ack_timeout;
        match to_event_name(&event) {
            Ok(name) => AckFuture::new(self.0.socket.request(&name, payload), name, timeout),
            Err(error) => {
                let refused = Err(AckError::Emit(error.into()));
                AckFuture::new(refused, Cow::default(), timeout)
            }
        }
    }

    /// The payloads of an event as a stream, from now on. That of a reserved event stays empty.
    pub fn subscribe<P>(&self, event: impl Subscribe<P>) -> Subscription<P> {
        // A reserved name never arrives: the decoder ends a session whose server sends one.
        self.0.socket.subscribe(event_name(&event).unwrap_or_default())
    }

    /// The state of the connection, now and as it changes.
    ///
    /// ```no_run
    /// use sockeye_client::{Client, ConnectionState};
    ///
    /// # async fn example(client: Client) {
    /// let mut state = client.state();
    /// let _ = state.wait_for(ConnectionState::is_connected).await;
    /// # }
    /// ```
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.0.socket.state.subscribe()
    }

    /// The id of the server's socket while connected.
    pub fn id(&self) -> Option<Arc<str>> {
        match &*self.0.socket.state.borrow() {
            ConnectionState::Connected { id, .. } => Some(Arc::clone(id)),
            _ => None,
        }
    }

    /// The transport of the present session; `None` without a session.
    pub fn transport(&self) -> Option<TransportKind> {
        *self.0.socket.link.transport.lock()
    }

    /// Waits until everything emitted so far was handed to a transport: back-pressure for programs that
    /// emit much.
    ///
    /// ```no_run
    /// # async fn example(client: sockeye_client::Client) -> Result<(), sockeye_client::EmitError> {
    /// for number in 0..1_000_000_u32 {
    ///     client.emit("number", &number)?;
    ///     if number % 1_000 == 0 {
    ///         client.flushed().await;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flushed(&self) {
        self.0.socket.flushed().await;
    }

    /// Leaves the namespace after what was emitted so far, if it is connected, and closes the
    /// session when no other namespace uses it. Waits until that is done.
    ///
    /// # Cancel safety
    /// The client is closed all the same.
    pub async fn close(&self) {
        let mut state = self.state();
        self.0.socket.leave();
        // It cannot fail, because this handle keeps the sender.
        let _ = state.wait_for(|state| *state == ConnectionState::Closed).await;
    }

    pub(crate) fn new(mut socket: Socket) -> Self {
        Client(Arc::new_cyclic(|handle| {
            socket.handle = Weak::clone(handle);
            Handle { socket: Arc::new(socket) }
        }))
    }

    pub(crate) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.0.socket)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("namespace", &self.0.socket.namespace)
            .field("state", &*self.0.socket.state.borrow())
            .finish_non_exhaustive()
    }
}
