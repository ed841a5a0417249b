//! Engine.IO echo, and the same application for SockJS.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use sockeye_engine::{
    Application, CloseReason, Config, ConfigError, Engine, HandlerError, Handshake, Message,
    Session, SessionHandler,
};
use sockeye_sockjs::SockJs;

use super::MESSAGE_BYTES_MAX;

/// Sends every message of every session back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo;

/// One session of [`Echo`].
#[derive(Debug)]
pub(crate) struct EchoHandler {
    session: Session,
}

/// The engine at `/engine.io/`.
pub(crate) fn engine() -> Result<Engine<Echo>, ConfigError> {
    Engine::new(limits(Config::default()), Echo)
}

/// SockJS at `/sockjs`, on an engine of its own.
pub(crate) fn sockjs() -> Result<SockJs<Echo>, sockeye_sockjs::ConfigError> {
    SockJs::new(sockeye_sockjs::Config::default(), limits(Config::default()), Echo)
}

/// Limits for large messages; everything else stays as it is by default.
pub(crate) fn limits(config: Config) -> Config {
    Config {
        payload_bytes_max: MESSAGE_BYTES_MAX,
        queued_bytes_max: 2 * MESSAGE_BYTES_MAX,
        ..config
    }
}

impl Application for Echo {
    type Handler = EchoHandler;

    fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
        EchoHandler { session }
    }
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        // A session whose peer does not read overflows and is closed with that reason.
        let _ = match message {
            Message::Text(text) => self.session.send(text, &[]),
            Message::Binary(data) => self.session.send_binary(&Bytes::copy_from_slice(data)),
        };
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, _: CloseReason) {}
}
