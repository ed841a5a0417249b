//! A session over HTTP, from the client's end.

use std::time::Duration;

use sockeye_engine_proto::{Packet, PayloadForm, PayloadReader, PayloadWriter, Revision};
use sockeye_ws as ws;

use super::client::{Client, Course};
use super::server::Io;
use super::wire::{Received, Response, WebSocket, read_response, request, write};

/// What a polling client knows of its session.
pub(crate) struct Polling {
    path: String,
    probe_path: String,
    /// No request was given up and no rule broken, and no deadline may have passed.
    pub(crate) orderly: bool,
    pub(crate) held: Vec<Box<dyn Io>>,
}

impl Polling {
    /// Opens a session. `None`: given up on the way.
    pub(crate) async fn open(client: &mut Client) -> Option<Polling> {
        let path = client.query("polling");
        let bytes = request("GET", &path, "", b"");
        let mut io = client.host.connect(4096).await?;
        if client.random.chance(10) {
            let length = client.random.below(bytes.len() as u64 + 1) as usize;
            let _ = write(&mut io, &bytes[..length], &mut client.random).await;
            client.pause(2).await;
            return None;
        }
        write(&mut io, &bytes, &mut client.random).await?;
        let response = read_response(&mut io, &mut Vec::new()).await?;
        if response.status != 200 {
            // On a real clock a machine may stand still for longer than a session lives.
            assert!(client.is_on_a_real_clock(), "{}", response.status);
            return None;
        }
        let mut reader = PayloadReader::with_form(form(client.revision));
        let Some(Ok(Packet::Open(data))) = reader.next_packet(&response.body) else {
            panic!("no OPEN in {:?}", String::from_utf8_lossy(&response.body));
        };
        let sid = data.split('"').nth(3).expect("OPEN begins with the id");
        Some(Polling {
            path: format!("{path}&sid={sid}"),
            probe_path: format!("{}&sid={sid}", client.query("websocket")),
            orderly: true,
            held: Vec::new(),
        })
    }

    /// Sends messages and waits for the answer.
    pub(crate) async fn post(&mut self, client: &mut Client) -> Course {
        let body = self.messages(client);
        self.post_body(client, &body).await
    }

    async fn post_body(&mut self, client: &mut Client, body: &[u8]) -> Course {
        let Some(mut io) = self.start(client, "POST", body).await else { return Course::Over };
        match read_response(&mut io, &mut Vec::new()).await {
            Some(Response { status: 200, .. }) => Course::GoesOn,
            _ => Course::Over,
        }
    }

    /// The body of a POST with some messages.
    fn messages(&self, client: &mut Client) -> Vec<u8> {
        let mut writer = PayloadWriter::with_form(form(client.revision));
        for _ in 0..1 + client.random.below(4) {
            let text = client.next_message();
            if client.random.chance(30) {
                writer.binary(text.as_bytes());
            } else {
                writer.text(&text);
            }
        }
        writer.finish()
    }

    /// Sends a request, in pieces perhaps.
    async fn start(&self, client: &mut Client, method: &str, body: &[u8]) -> Option<Box<dyn Io>> {
        let buffer = client.buffer();
        let mut io = client.host.connect(buffer).await?;
        write(&mut io, &request(method, &self.path, "", body), &mut client.random).await?;
        Some(io)
    }

    /// Waits for packets and takes them.
    pub(crate) async fn poll(&mut self, client: &mut Client) -> Course {
        if client.revision == Revision::V3 && !client.waits() {
            // The server says nothing by itself.
            return self.heartbeat(client).await;
        }
        let Some(mut io) = self.start(client, "GET", b"").await else { return Course::Over };
        match read_response(&mut io, &mut Vec::new()).await {
            Some(response) => self.take(client, &response).await,
            None => Course::Over,
        }
    }

    /// Revision 3: the client pings.
    async fn heartbeat(&mut self, client: &mut Client) -> Course {
        let mut writer = PayloadWriter::with_form(PayloadForm::V3);
        writer.packet(&Packet::Ping(""));
        let body = writer.finish();
        if self.post_body(client, &body).await == Course::Over {
            return Course::Over;
        }
        let Some(mut io) = self.start(client, "GET", b"").await else { return Course::Over };
        match read_response(&mut io, &mut Vec::new()).await {
            Some(response) => self.take(client, &response).await,
            None => Course::Over,
        }
    }

    async fn take(&mut self, client: &mut Client, response: &Response) -> Course {
        if response.status != 200 {
            return Course::Over;
        }
        let form = match response.binary {
            true => PayloadForm::V3Binary,
            false => form(client.revision),
        };
        let mut reader = PayloadReader::with_form(form);
        let (mut pong, mut over) = (false, false);
        while let Some(packet) = reader.next_packet(&response.body) {
            match packet.expect("the server keeps the rules") {
                Packet::Message(message) => client.hear(message),
                Packet::Ping(_) => pong = true,
                Packet::Close => over = true,
                Packet::Pong(_) | Packet::Noop => {}
                other => panic!("{other:?} in a poll"),
            }
        }
        if over {
            return Course::Over;
        }
        if pong { self.post_body(client, b"3").await } else { Course::GoesOn }
    }

    /// A poll that is given up, as it is sent or while it waits.
    pub(crate) async fn abort_poll(&mut self, client: &mut Client) -> Course {
        self.orderly = false;
        self.abort(client, "GET", b"").await
    }

    /// A POST that is given up, at any byte of it.
    pub(crate) async fn abort_post(&mut self, client: &mut Client) -> Course {
        self.orderly = false;
        // Sent to its end after all, its messages count; the session is over in either case.
        let body = self.messages(client);
        self.abort(client, "POST", &body).await
    }

    async fn abort(&mut self, client: &mut Client, method: &str, body: &[u8]) -> Course {
        let Some(mut io) = client.host.connect(4096).await else { return Course::Over };
        let bytes = request(method, &self.path, "", body);
        let length = client.random.below(bytes.len() as u64 + 1) as usize;
        if write(&mut io, &bytes[..length], &mut client.random).await.is_some() {
            client.pause(50).await;
        }
        if client.random.chance(30) {
            // Silent instead: until a deadline does it.
            self.held.push(io);
        }
        Course::Over
    }

    /// A poll while one waits: `1` to the first, 400 to the second.
    pub(crate) async fn poll_twice(&mut self, client: &mut Client) -> Course {
        self.orderly = false;
        let Some(mut first) = self.start(client, "GET", b"").await else { return Course::Over };
        client.pause(20).await;
        let Some(mut second) = self.start(client, "GET", b"").await else { return Course::Over };
        if let Some(response) = read_response(&mut first, &mut Vec::new()).await {
            let _ = self.take(client, &response).await;
        }
        if client.random.chance(50) {
            let _ = read_response(&mut second, &mut Vec::new()).await;
        }
        Course::Over
    }

    /// A POST while one is read.
    pub(crate) async fn post_twice(&mut self, client: &mut Client) -> Course {
        self.orderly = false;
        let body = self.messages(client);
        let bytes = request("POST", &self.path, "", &body);
        let Some(mut first) = client.host.connect(4096).await else { return Course::Over };
        if first_part(&mut first, &bytes[..bytes.len() - 1], client).await.is_none() {
            return Course::Over;
        }
        let Some(mut second) = self.start(client, "POST", &body).await else {
            return Course::Over;
        };
        let _ = read_response(&mut second, &mut Vec::new()).await;
        Course::Over
    }

    /// Something that no client may send.
    pub(crate) async fn violate(&mut self, client: &mut Client) -> Course {
        self.orderly = false;
        let bodies: [&[u8]; 6] = [b"", b"9", b"2", b"7x", b"4\xff\xfe", b"12:4x"];
        let body = bodies[client.random.below(bodies.len() as u64) as usize];
        let large = vec![b'4'; 1_000_001];
        let body = if client.random.chance(20) { &large } else { body };
        let method = if client.random.chance(10) { "PUT" } else { "POST" };
        if let Some(mut io) = self.start(client, method, body).await {
            let _ = read_response(&mut io, &mut Vec::new()).await;
        }
        Course::Over
    }

    /// A poll that is left waiting on an open connection for ever.
    pub(crate) async fn hold_poll(&mut self, client: &mut Client) -> Course {
        self.orderly = false;
        if let Some(io) = self.start(client, "GET", b"").await {
            self.held.push(io);
        }
        Course::Over
    }

    pub(crate) async fn close(&mut self, client: &mut Client) -> Course {
        let mut writer = PayloadWriter::with_form(form(client.revision));
        writer.packet(&Packet::Close);
        let body = writer.finish();
        let _ = self.post_body(client, &body).await;
        self.orderly = false;
        Course::Over
    }

    /// An upgrade that does not come to its end; the session goes on by polling.
    pub(crate) async fn failed_upgrade(&mut self, client: &mut Client) -> Course {
        let Some(mut probe) = self.probe(client).await else { return Course::GoesOn };
        let wrong = match client.random.below(5) {
            0 => return Course::GoesOn,
            1 => {
                // Open for ever.
                self.held.push(probe.io);
                return Course::GoesOn;
            }
            2 => "4too early",
            3 => "3probe",
            _ => "2probe",
        };
        if probe.send(ws::Message::Text(wrong), &mut client.random).await.is_some()
            && client.random.chance(50)
        {
            self.held.push(probe.io);
        }
        Course::GoesOn
    }

    async fn probe(&self, client: &mut Client) -> Option<WebSocket> {
        let buffer = client.buffer();
        let host = client.host.clone();
        WebSocket::open(&host, &self.probe_path, buffer, &mut client.random).await
    }

    /// The upgrade as official clients do it, a poll waiting and messages on their way.
    pub(crate) async fn upgrade(&mut self, client: &mut Client) -> Result<WebSocket, Course> {
        if client.random.chance(50) && self.post(client).await == Course::Over {
            return Err(Course::Over);
        }
        let mut parked = self.start(client, "GET", b"").await.ok_or(Course::Over)?;
        let Some(mut probe) = self.probe(client).await else {
            return Err(self.finish_poll(client, &mut parked).await);
        };
        let sent = probe.send(ws::Message::Text("2probe"), &mut client.random).await;
        if sent.is_none() || probe.receive().await != Received::Text("3probe".to_owned()) {
            // There is another probe that holds the place.
            return Err(self.finish_poll(client, &mut parked).await);
        }
        if client.random.chance(30) && self.post(client).await == Course::Over {
            return Err(Course::Over);
        }
        if self.finish_poll(client, &mut parked).await == Course::Over {
            return Err(Course::Over);
        }
        client.pause(100).await;
        let sent = probe.send(ws::Message::Text("5"), &mut client.random).await;
        if sent.is_none() {
            return Err(Course::GoesOn);
        }
        if client.random.chance(10) {
            // Gone in the moment of the upgrade.
            self.orderly = false;
            return Err(Course::Over);
        }
        Ok(probe)
    }

    async fn finish_poll(&mut self, client: &mut Client, io: &mut Box<dyn Io>) -> Course {
        match read_response(io, &mut Vec::new()).await {
            Some(response) => self.take(client, &response).await,
            None => Course::Over,
        }
    }
}

async fn first_part(io: &mut Box<dyn Io>, bytes: &[u8], client: &mut Client) -> Option<()> {
    write(io, bytes, &mut client.random).await?;
    tokio::time::sleep(Duration::from_millis(5)).await;
    Some(())
}

fn form(revision: Revision) -> PayloadForm {
    match revision {
        Revision::V3 => PayloadForm::V3,
        _ => PayloadForm::V4,
    }
}
