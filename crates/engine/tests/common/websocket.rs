//! A raw WebSocket client.

use std::collections::VecDeque;

use sockeye_ws::handshake::client::Handshake;
use sockeye_ws::handshake::deflate::Parameters;
use sockeye_ws::{Config, Connection, Event, Message, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::http::read_response;
use super::{Host, Io, Response};

/// What a WebSocket brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// A close frame; 1005 stands for one without a code.
    Close(u16, String),
    /// The stream ended without a close frame.
    End,
}

pub struct WebSocket {
    pub io: Box<dyn Io>,
    pub response: Response,
    ws: Connection,
    received: VecDeque<Received>,
    early: Vec<u8>,
}

/// What the server agreed to, windows at their largest.
pub fn parameters(agreed: &str) -> Parameters {
    assert!(agreed.starts_with("permessage-deflate"), "{agreed}");
    Parameters {
        server_no_context_takeover: agreed.contains("server_no_context_takeover"),
        client_no_context_takeover: agreed.contains("client_no_context_takeover"),
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    }
}

pub const KEY: Option<[u8; 4]> = Some([1, 2, 3, 4]);

impl Host {
    /// Opens a WebSocket, or gives the refusal.
    pub async fn websocket(&self, path: &str) -> Result<WebSocket, Response> {
        self.websocket_with(path, &[]).await
    }

    pub async fn websocket_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<WebSocket, Response> {
        let mut io = self.connect().await;
        let mut map = http::HeaderMap::new();
        Handshake::new([7; 16], &[]).extend_headers(&mut map);
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in &map {
            if !headers.iter().any(|(other, _)| other == name) {
                request.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
            }
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        io.write_all(request.as_bytes()).await.unwrap();
        let mut early = Vec::new();
        let response = read_response(&mut io, &mut early).await;
        if response.status != 101 {
            return Err(response);
        }
        let mut ws = Connection::new(
            Role::Client,
            Config { message_bytes_max: 1 << 30, ..Config::default() },
        );
        if let Some(agreed) = response.header("sec-websocket-extensions") {
            ws = ws.with_deflate(&parameters(agreed));
        }
        Ok(WebSocket { io, response, ws, received: VecDeque::new(), early })
    }
}

impl WebSocket {
    pub async fn send(&mut self, text: &str) {
        let mut out = Vec::new();
        self.ws.send(Message::Text(text), KEY, &mut out).unwrap();
        self.io.write_all(&out).await.unwrap();
    }

    pub async fn send_binary(&mut self, data: &[u8]) {
        let mut out = Vec::new();
        self.ws.send(Message::Binary(data), KEY, &mut out).unwrap();
        self.io.write_all(&out).await.unwrap();
    }

    /// Several text messages in one write.
    pub async fn send_all(&mut self, texts: &[&str]) {
        let mut out = Vec::new();
        for text in texts {
            self.ws.send(Message::Text(text), KEY, &mut out).unwrap();
        }
        self.io.write_all(&out).await.unwrap();
    }

    /// Bytes that need not be frames.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    pub async fn close(&mut self) {
        let mut out = Vec::new();
        self.ws.close(sockeye_ws::CloseCode::NORMAL, "", KEY, &mut out);
        self.io.write_all(&out).await.unwrap();
    }

    /// The next thing the server sent. Close frames are answered.
    pub async fn receive(&mut self) -> Received {
        loop {
            if let Some(received) = self.received.pop_front() {
                return received;
            }
            let mut input = std::mem::take(&mut self.early);
            if input.is_empty() && self.io.read_buf(&mut input).await.unwrap_or(0) == 0 {
                return Received::End;
            }
            let mut used = 0;
            while used < input.len() {
                let (length, event) = self.ws.handle_read(&mut input[used..]).unwrap();
                used += length;
                let Some(event) = event else { break };
                self.received.push_back(match event {
                    Event::Text(text) => Received::Text(text.to_owned()),
                    Event::Binary(data) => Received::Binary(data.to_vec()),
                    Event::Pong(data) => Received::Pong(data.to_vec()),
                    Event::Ping(_) => continue,
                    Event::Close(Some(frame)) => {
                        Received::Close(frame.code.get(), frame.reason.to_owned())
                    }
                    Event::Close(None) => Received::Close(1005, String::new()),
                });
            }
            let mut out = Vec::new();
            while self.ws.poll_transmit(KEY, &mut out) {}
            let _ = self.io.write_all(&out).await;
        }
    }

    pub async fn text(&mut self) -> String {
        match self.receive().await {
            Received::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The close frame's code, whatever came before it; 1006 if there was none.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Received::Close(code, reason) => {
                    assert_eq!(reason, "");
                    return code;
                }
                Received::End => return 1006,
                _ => {}
            }
        }
    }
}
