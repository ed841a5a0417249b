//! The server of the Engine.IO 4 protocol suite: every message comes back as it was.

use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Result;
use sockeye_engine::{
    Application, CloseReason, Config, Engine, HandlerError, Handshake, Message, Session,
    SessionHandler, TransportKind,
};

use crate::serving::{LISTENER_PAUSE, Listen};

pub(crate) async fn serve(listen: &Listen<3000>) -> Result<()> {
    let mut config = Config::default();
    listen.configure(&mut config, 300, 200);
    let engine = Engine::new(config, Echo { late_open: false })?;
    let service = engine.clone().into_service();
    let drain = async move { engine.shutdown(CloseReason::ServerShutdown).await };
    listen.serve_service(service, drain).await
}

/// Sends every message back.
pub(crate) struct Echo {
    /// Whether the first packet of a WebSocket keeps its distance from the handshake.
    pub(crate) late_open: bool,
}

pub(crate) struct EchoHandler(Session);

impl Application for Echo {
    type Handler = EchoHandler;

    fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
        if self.late_open && session.transport() == TransportKind::WebSocket {
            // OPEN is queued, and written when this is done. That nobody else is served meanwhile
            // is no matter to a suite that does one thing at a time.
            std::thread::sleep(LISTENER_PAUSE);
        }
        EchoHandler(session)
    }
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        match message {
            Message::Text(text) => self.0.send(text, &[]),
            Message::Binary(data) => self.0.send_binary(&data.to_vec().into()),
        };
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, _: CloseReason) {}
}
