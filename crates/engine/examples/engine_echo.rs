//! An Engine.IO server that sends every message back, with the protocol test suite's timing.
//!
//! `cargo run -p sockeye-engine --example engine_echo -- 3000`

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sockeye_engine::{
    Application, CloseReason, Config, Engine, HandlerError, Handshake, Message, Session,
    SessionHandler,
};
use sockeye_net::http::{HttpServer, bind};

struct Echo;

struct EchoHandler {
    session: Session,
}

impl Application for Echo {
    type Handler = EchoHandler;

    fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
        EchoHandler { session }
    }
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        match message {
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        ..Config::default()
    };
    let engine = Engine::new(config, Echo)?;
    let listeners = bind(("localhost", port)).await?;
    #[allow(clippy::print_stdout)]
    for listener in &listeners {
        println!("listening on http://{}", listener.local_addr()?);
    }
    HttpServer::new(listeners, engine.into_service()).await?;
    Ok(())
}
