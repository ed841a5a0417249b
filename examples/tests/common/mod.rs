//! An example as a process, and what tests do with it.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sockeye_client::{AckError, Client, Reconnect, Subscription};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than anything takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running example; killed when dropped.
pub(crate) struct Example {
    /// Where it listens; empty if it does not.
    pub(crate) url: String,
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Example {
    /// A server on a free port.
    pub(crate) async fn start(name: &str) -> Self {
        let mut example = Example::start_with(name, &["0"]).await;
        let line = example.line().await;
        example.url = line.strip_prefix("listening on ").expect(&line).to_owned();
        example
    }

    pub(crate) async fn start_with(name: &str, args: &[&str]) -> Self {
        let mut child = Command::new(path(name))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}; `cargo build --examples` builds it"));
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Example { url: String::new(), child, output }
    }

    /// The next line it prints.
    pub(crate) async fn line(&mut self) -> String {
        soon(self.output.next_line()).await.unwrap().expect("it prints another line")
    }

    /// Somebody in its namespace `/`.
    pub(crate) async fn client(&self) -> Client {
        let builder = Client::builder(&self.url).unwrap().reconnect(Reconnect::Never);
        soon(builder.connect()).await.unwrap()
    }

    /// The answer to a GET, its head included.
    pub(crate) async fn get(&self, path: &str) -> String {
        self.request("GET", path, "", "").await
    }

    /// The answer to a request with more headers, each with its line end, and a body.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it is running")
    }

    /// Asks it to end.
    pub(crate) async fn signal(&self) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    }

    /// It has ended with status 0.
    pub(crate) async fn ended(mut self) {
        let status: ExitStatus = soon(self.child.wait()).await.unwrap();
        assert_eq!(status.code(), Some(0));
    }

    pub(crate) async fn stop(self) {
        self.signal().await;
        self.ended().await;
    }
}

/// Nothing here takes long.
pub(crate) async fn soon<F: IntoFuture>(future: F) -> F::Output {
    timeout(PATIENCE, future.into_future()).await.expect("it does not take this long")
}

/// What somebody hears of an event, from now on.
pub(crate) fn hear<P: sockeye::FromArgs>(client: &Client, event: &str) -> Subscription<P> {
    client.subscribe::<P>(event)
}

/// The next one of what somebody hears.
pub(crate) async fn next<P: sockeye::FromArgs>(subscription: &mut Subscription<P>) -> P {
    soon(subscription.next()).await.expect("not closed")
}

/// The code a request was refused with.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, AckError>) -> String {
    match answer {
        Err(AckError::Remote(error)) => error.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// Cargo puts examples beside the folder of the tests: `target/debug/{deps,examples}`.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join(name)
}
