//! A server with recovery, and clients that come back as the official one does.

use std::net::SocketAddr;

use sockeye::{Config, Io, Namespace, Server};

use super::{Client, Received, listen, until};

/// A server whose `/` answers `sync`.
pub(crate) struct Setup {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

impl Setup {
    pub(crate) async fn new(
        config: Config,
        namespaces: impl IntoIterator<Item = Namespace>,
    ) -> Self {
        let builder = Server::builder().config(config);
        let server = namespaces.into_iter().fold(builder, |b, n| b.namespace(n)).build().unwrap();
        let address = listen(&server).await;
        Self { server, address }
    }

    pub(crate) fn io(&self) -> Io {
        self.server.io()
    }

    /// Joins or comes back, and returns what was missed, up to the answer to a request.
    pub(crate) async fn connect(&self, auth: &str) -> (Returning, Vec<String>) {
        let mut client = Client::open(self.address).await;
        client.send(&format!("40{auth}")).await;
        let reply = client.text().await;
        let reply = reply.strip_prefix("40").expect("the reply before anything else");
        let reply: serde_json::Value = serde_json::from_str(reply).unwrap();
        let text = |key: &str| reply[key].as_str().unwrap_or_default().to_owned();
        let (sid, pid, failure) = (text("sid"), text("pid"), text("recovery"));
        let mut returning = Returning { client, sid, pid, failure, offset: None };
        let missed = returning.arrived().await;
        (returning, missed)
    }

    /// Waits until no client is connected.
    pub(crate) async fn gone(&self) {
        until(|| self.server.sessions() == 0).await;
    }

    /// Loses the connection, and waits until that was noticed.
    pub(crate) async fn lose(&self, returning: Returning) {
        let sessions = self.server.sessions();
        drop(returning);
        until(|| self.server.sessions() < sessions).await;
    }
}

pub(crate) struct Returning {
    pub(crate) client: Client,
    pub(crate) sid: String,
    pub(crate) pid: String,
    /// Why it was not recovered.
    pub(crate) failure: String,
    pub(crate) offset: Option<String>,
}

impl Returning {
    /// The next event without its offset, which is remembered as the official client does.
    pub(crate) async fn event(&mut self) -> String {
        let text = self.client.text().await;
        let (event, offset) = cut(&text);
        self.offset = Some(offset);
        event
    }

    /// Everything that was sent so far.
    pub(crate) async fn arrived(&mut self) -> Vec<String> {
        self.client.send(r#"4299["sync"]"#).await;
        let mut arrived = Vec::new();
        loop {
            match self.client.receive().await {
                Received::Text(text) if text == "4399[]" => return arrived,
                Received::Text(text) => arrived.push(text),
                Received::Binary(data) => arrived.push(format!("{data:?}")),
                Received::Closed => panic!("closed"),
            }
        }
    }

    pub(crate) fn auth(&self, user: &str) -> String {
        match &self.offset {
            Some(offset) => {
                format!(r#"{{"pid":"{}","offset":"{offset}","user":"{user}"}}"#, self.pid)
            }
            None => format!(r#"{{"pid":"{}","user":"{user}"}}"#, self.pid),
        }
    }
}

/// An event without its offset, and the offset.
pub(crate) fn cut(text: &str) -> (String, String) {
    let (event, offset) = text.trim_end_matches("\"]").rsplit_once(",\"").unwrap();
    (format!("{event}]"), offset.to_owned())
}

pub(crate) fn events(missed: &[String]) -> Vec<String> {
    missed.iter().map(|text| cut(text).0).collect()
}
