//! The real program on a port of its own, and people who talk to it.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sockeye_chat::notes::contract::{
    CHAT, JOIN, JOINED, Join, LEFT, NewMessage, POSTED, Presence, StoredMessage,
};
use sockeye_client::{AckError, Client, Reconnect, Subscription};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

pub(crate) mod database;
#[cfg(target_os = "linux")]
pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod lab;
pub(crate) mod team;

/// Longer than anything here may take; only a failing test ever waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `sockeye`; killed when dropped.
pub(crate) struct Program {
    pub(crate) url: String,
    child: Child,
    /// Held, so that the program can go on writing.
    output: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
}

/// The program with these arguments, nothing inherited from the environment, not yet started.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Program {
    /// `sockeye serve` on a free port of 127.0.0.1.
    pub(crate) async fn serve(data: &Path) -> Self {
        Program::serve_with(data, &[]).await
    }

    /// The same with further arguments.
    pub(crate) async fn serve_with(data: &Path, args: &[&str]) -> Self {
        let data = data.to_str().unwrap();
        let own = ["serve", "--host", "127.0.0.1", "--port", "0", "--data", data];
        Program::start(&mut command(&[&own, args].concat())).await
    }

    /// Starts it and waits until it says that it listens.
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = timeout(PATIENCE, output.next_line()).await.expect("it gets ready").unwrap();
        let line = line.expect("it says where it listens");
        let url = line.strip_prefix("listening on ").expect(&line).to_owned();
        Program { url, child, output, log }
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it is running")
    }

    /// The next line on standard output.
    pub(crate) async fn said(&mut self) -> String {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("it says something");
        line.unwrap().expect("it did not end")
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it is running").to_string();
        let kill = Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap();
        assert!(kill.success());
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap()
    }

    /// Stops it the friendly way; it must end with status 0.
    pub(crate) async fn stop(mut self) {
        self.signal("TERM").await;
        assert_eq!(self.ended().await.code(), Some(0));
    }

    /// The log from here to its end, which is that of the program.
    pub(crate) async fn rest_of_the_log(&mut self) -> String {
        let rest = async {
            let mut rest = String::new();
            while let Some(line) = self.log.next_line().await.unwrap() {
                rest.push_str(&line);
                rest.push('\n');
            }
            rest
        };
        timeout(PATIENCE, rest).await.expect("it ends")
    }

    /// Reads the log up to the next line with this in it.
    pub(crate) async fn logged(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the log ended without {text:?}");
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{text:?} is logged"))
    }
}

/// Somebody with a connection, who hears everything from the beginning.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) posted: Subscription<StoredMessage>,
    pub(crate) joined: Subscription<Presence>,
    pub(crate) left: Subscription<Presence>,
}

impl Person {
    pub(crate) async fn connect(program: &Program, name: &str) -> Self {
        let builder = Client::builder(&program.url).unwrap().reconnect(Reconnect::Never);
        let client = timeout(PATIENCE, builder.connect()).await.unwrap().unwrap();
        let posted = client.subscribe(POSTED);
        let joined = client.subscribe(JOINED);
        let left = client.subscribe(LEFT);
        Person { client, name: name.to_owned(), posted, joined, left }
    }

    /// Connects, joins, and has heard of the own arrival.
    pub(crate) async fn enter(program: &Program, name: &str, room: &str) -> Self {
        let mut person = Person::connect(program, name).await;
        person.join(room).await.unwrap();
        assert_eq!(next(&mut person.joined).await.name, name);
        person
    }

    pub(crate) async fn join(&self, room: &str) -> Result<Vec<StoredMessage>, AckError> {
        let request = Join { room: room.to_owned(), name: self.name.clone(), sender: None };
        self.client.emit_with_ack(JOIN, &request).await
    }

    pub(crate) async fn say(&self, text: &str) -> Result<StoredMessage, AckError> {
        self.client.emit_with_ack(CHAT, &self.message(text)).await
    }

    pub(crate) fn message(&self, text: &str) -> NewMessage {
        NewMessage { name: self.name.clone(), msg: text.to_owned(), key: None }
    }
}

/// The next one of what somebody hears.
pub(crate) async fn next<P: sockeye::FromArgs>(subscription: &mut Subscription<P>) -> P {
    timeout(PATIENCE, subscription.next()).await.expect("something comes").expect("not closed")
}

/// The code of an answer that is a refusal.
pub(crate) fn refusal_code<T>(answer: &Result<T, AckError>) -> Option<&str> {
    match answer {
        Err(AckError::Remote(error)) => Some(&error.code),
        _ => None,
    }
}

/// The code a request was refused with.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, AckError>) -> String {
    match answer {
        Err(AckError::Remote(error)) => error.code,
        other => panic!("not refused: {other:?}"),
    }
}
