//! Closing a WebSocket in good order, without the session it belonged to.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sockeye_websocket::{ReadHalf, WriteBuffer, WriteHalf, with_scratch};
use sockeye_ws as ws;

use crate::registry::Registry;
use crate::task::Link;

/// A WebSocket on its way out: what is queued is written, then a close frame, then the peer's close
/// frame is awaited (RFC 6455 §7.1.1), all within `websocket_close_timeout`.
pub(crate) struct Farewell {
    read: ReadHalf,
    ws: ws::Connection,
    io: WriteHalf,
    out: WriteBuffer,
    /// The peer broke the protocol, so its close frame cannot be told from the rest any more.
    failed: bool,
}

impl Farewell {
    pub(crate) fn new(link: Link, io: WriteHalf, mut out: WriteBuffer) -> Self {
        let mut ws = link.ws;
        ws.close(link.code, "", None, out.tail());
        let failed = link.code != ws::CloseCode::NO_STATUS;
        Farewell { read: link.read, ws, io, out, failed }
    }

    /// Carries it out, at once if that is possible, else in a task of its own.
    pub(crate) fn spawn(mut self, registry: &Arc<Registry>) {
        let written = self.out.write_to(&self.io);
        let closed = self.ws.is_closed() && !self.failed;
        if written.is_err() || (matches!(written, Ok(true)) && closed) {
            return;
        }
        let ticket = registry.ticket();
        let charge = registry.ledger.charge(self.out.own_len());
        tokio::spawn(async move {
            let config = &ticket.registry().config;
            let (timeout, write_timeout) = (config.websocket_close_timeout, config.write_timeout);
            // Whatever becomes of it, the connection is dropped.
            let _ = tokio::time::timeout(timeout, self.carry_out(write_timeout)).await;
            drop(charge);
        });
    }

    async fn carry_out(&mut self, write_timeout: Duration) -> io::Result<()> {
        while !self.out.write_to(&self.io)? {
            poll_fn(|cx| self.io.poll_writable(cx, write_timeout)).await?;
        }
        if self.failed {
            // Dropped with unread bytes, TCP would reset the connection, and the peer might never
            // see the close code.
            poll_fn(|cx| self.io.poll_shutdown(cx)).await?;
            while self.read(|_, input| input.len()).await? > 0 {}
            return Ok(());
        }
        while !self.ws.is_closed() {
            self.read(discard).await?;
        }
        Ok(())
    }

    async fn read<R>(
        &mut self,
        mut take_in: impl FnMut(&mut ws::Connection, &mut [u8]) -> R,
    ) -> io::Result<R> {
        let Farewell { read, ws, .. } = self;
        poll_fn(|cx| {
            with_scratch(|scratch| {
                read.poll_read(cx, scratch).map_ok(|length| take_in(ws, &mut scratch[..length]))
            })
        })
        .await
    }
}

/// Looks for the peer's close frame; everything else came too late.
fn discard(ws: &mut ws::Connection, input: &mut [u8]) {
    if input.is_empty() {
        ws.handle_eof();
        return;
    }
    let mut used = 0;
    while used < input.len() {
        match ws.handle_read(&mut input[used..]) {
            Ok((length, Some(_))) => used += length,
            Ok((_, None)) => return,
            Err(_) => {
                ws.handle_eof();
                return;
            }
        }
    }
}
