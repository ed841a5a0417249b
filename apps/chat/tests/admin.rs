//! `sockeye admin`, beside a running server and without one.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};

use common::http::get;
use common::{PATIENCE, Person, Program, command, refusal};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use serde_json::Value;
use sockeye_chat::store::FILE_NAME;
use sockeye_client::{Client, Reconnect};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr};
use tokio::time::timeout;

/// `sockeye admin` with these arguments on a data folder, and this on its standard input.
async fn admin_with(data: &Path, args: &str, input: &str) -> Output {
    let args: Vec<_> = args.split(' ').collect();
    let mut command = command(&["admin", "--data", data.to_str().unwrap()]);
    let mut child = command.args(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may be gone before it has read that.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn error(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What it prints; it must not fail.
async fn admin(data: &Path, args: &str) -> String {
    let output = admin_with(data, args, "a password\n").await;
    assert!(output.status.success(), "{args}: {}", error(&output));
    out(&output).to_owned()
}

/// Why it fails, with the status 1.
async fn failure(data: &Path, args: &str) -> String {
    let output = admin_with(data, args, "a password\n").await;
    assert_eq!(output.status.code(), Some(1), "{args}: {}", out(&output));
    assert_eq!(out(&output), "", "{args}");
    error(&output).to_owned()
}

/// The answer to a request with a body in JSON and, perhaps, a cookie: its status, and the whole of it.
async fn post(program: &Program, path: &str, cookie: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", program.port())).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /api/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {cookie}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

/// Everything that changes something, and that each is told in the audit log: the same with a server and without.
async fn walk_through(data: &Path, is_served: bool) {
    let created = admin(data, "create Ada").await;
    assert!(created.contains("owner") && created.trim().ends_with("Ada"), "{created}");
    let created = admin(data, "create Ben --role member --json").await;
    let ben: Value = serde_json::from_str(&created).unwrap();
    assert_eq!((&ben["name"], &ben["role"]), (&"Ben".into(), &"member".into()));
    let ben = ben["id"].as_str().unwrap();

    let taken = failure(data, "create Ben").await;
    assert!(taken.starts_with("error: somebody has this name"), "{taken}");
    let changed = admin(data, &format!("role {ben} moderator")).await;
    assert!(changed.contains("moderator"), "{changed}");
    assert!(failure(data, "role Ada member").await.contains("only owner"));
    assert!(failure(data, "close Ada").await.contains("only owner"));
    let nobody = failure(data, "role Kim member").await;
    assert!(nobody.contains("nobody has the id or the name \"Kim\""), "{nobody}");

    let people = admin(data, "people --json").await;
    let names: Vec<_> = people
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["person"]["name"].clone())
        .collect();
    assert_eq!(names, ["Ada", "Ben"]);
    assert_eq!(admin(data, "people BE").await.lines().count(), 1);

    let link = admin(data, "reset Ben").await;
    let (address, code) = link.trim().split_once("/reset#").unwrap();
    assert_eq!((address.starts_with("http://127.0.0.1:"), code.len()), (is_served, 43), "{link}");
    assert_eq!(admin(data, "end-sessions Ben").await, "");

    let invited = admin(data, "invite --role moderator --uses 2 --expires 2d --json").await;
    let invited: Value = serde_json::from_str(&invited).unwrap();
    let id = invited["invitation"]["id"].as_str().unwrap();
    assert_eq!(invited["invitation"]["uses_left"], 2);
    assert!(admin(data, "invitations").await.contains(id));
    admin(data, &format!("revoke {id}")).await;
    assert_eq!(admin(data, "invitations").await, "");
    assert!(failure(data, &format!("revoke {id}")).await.contains("nothing here"));

    let rooms = admin(data, "rooms --json").await;
    let lobby: Value = serde_json::from_str(rooms.trim()).unwrap();
    assert_eq!(lobby["title"], "lobby");
    let lobby = lobby["id"].as_str().unwrap();
    assert!(failure(data, &format!("close-room {lobby}")).await.contains("for others to do"));

    assert_eq!(admin(data, "guests off").await, "guests off\n");
    let overview = admin(data, "overview --json").await;
    let overview: Value = serde_json::from_str(&overview).unwrap();
    assert_eq!(
        (&overview["accounts"], &overview["settings"]["has_guests"]),
        (&2.into(), &false.into())
    );
    assert_eq!(overview["limits"].as_array().unwrap().is_empty(), !is_served);
    assert!(admin(data, "overview").await.contains("guests    off"));
    admin(data, "close Ben").await;

    let audit = admin(data, "audit").await;
    let done: Vec<_> = audit.lines().map(|line| line.split("  ").nth(2).unwrap()).collect();
    let expected = [
        "person.close",
        "settings",
        "invitation.revoke",
        "invitation.create",
        "person.end_sessions",
        "person.reset",
        "person.role",
        "person.create",
        "person.create",
    ];
    assert_eq!(done, expected);
    assert!(audit.lines().all(|line| line.contains("  command line  ")), "{audit}");
    assert!(!audit.contains(code));
    assert_eq!(admin(data, "audit --limit 2").await.lines().count(), 2);
}

#[tokio::test]
async fn everything_is_done_beside_a_server() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    walk_through(data.path(), true).await;
    program.stop().await;
}

#[tokio::test]
async fn everything_is_done_without_a_server() {
    let data = TempDir::new().unwrap();
    walk_through(&data.path().join("made"), false).await;
}

/// Two limits are not the usage's own: the server looks after connections, the store after the disk.
#[tokio::test]
async fn limits_of_connections_and_of_space_are_counted_too() {
    let data = TempDir::new().unwrap();
    let limits = ["--connections-max", "1", "--free-space-min", "4294967295"];
    let program = Program::serve_with(data.path(), &limits).await;
    let ada = Person::enter(&program, "Ada", "tea").await;
    assert_eq!(refusal(ada.say("no room").await), "disk_full");
    let builder = Client::builder(&program.url).unwrap().reconnect(Reconnect::Never);
    assert!(timeout(PATIENCE, builder.connect()).await.unwrap().is_err());
    let overview = admin(data.path(), "overview --json").await;
    let overview: Value = serde_json::from_str(&overview).unwrap();
    for (name, value) in [("connections-max", 1), ("free-space-min", u64::from(u32::MAX))] {
        let rows = overview["limits"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row["value"], value, "{name}");
        assert!(row["reached"].as_u64().unwrap() >= 1, "{row}");
    }
    program.stop().await;
}

/// What was done without a server counts for the next one, and the other way round.
#[tokio::test]
async fn a_server_begins_with_what_was_done_before_it() {
    let data = TempDir::new().unwrap();
    admin(data.path(), "create Ada").await;
    admin(data.path(), "guests off").await;
    let program = Program::serve(data.path()).await;
    let (status, _) = post(&program, "guests", "", r#"{"name":"Kim"}"#).await;
    assert_eq!(status, 403);
    let log_in = r#"{"name":"Ada","password":"a password"}"#;
    let (status, answer) = post(&program, "login", "", log_in).await;
    assert_eq!(status, 200, "{answer}");
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    // Somebody who is logged in is out at once.
    admin(data.path(), "end-sessions Ada").await;
    let (status, _) = post(&program, "logout", &cookie, "").await;
    assert_eq!(status, 401);
    admin(data.path(), "guests on").await;
    let (status, answer) = post(&program, "guests", "", r#"{"name":"Kim"}"#).await;
    assert_eq!(status, 200, "{answer}");
    program.stop().await;
    assert_eq!(admin(data.path(), "people Kim").await.lines().count(), 1);
}

#[tokio::test]
async fn the_first_account_made_by_the_command_line_ends_the_setup() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let address = SocketAddr::from(([127, 0, 0, 1], program.port()));
    assert!(get(address, "/api/me").await.contains(r#""needs_setup":true"#));
    admin(data.path(), "create Ada").await;
    assert!(get(address, "/api/me").await.contains(r#""needs_setup":false"#));
    program.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let data = TempDir::new().unwrap();
    let none = data.path().join("none");
    for args in ["people", "overview", "guests off", "role Ada owner"] {
        let error = failure(&none, args).await;
        assert!(
            error.contains("there is no chat in") && error.contains("--data"),
            "{args}: {error}"
        );
    }
    assert!(!none.exists());
    for (input, why) in [
        ("short\n", "fewer than 8 characters"),
        ("", "there is no password"),
        ("\n", "there is no password"),
    ] {
        let output = admin_with(&none, "create Ada", input).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).contains(why), "{}", error(&output));
    }
    assert!(!none.exists());
    for args in [
        "create",
        "role Ada king",
        "guests maybe",
        "invite --expires 3",
        "invite --uses 0",
        "audit --limit 0",
    ] {
        let output = admin_with(&none, args, "").await;
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
    let program = Program::serve(data.path()).await;
    // A folder that a server has, which cannot be asked.
    std::fs::remove_file(data.path().join("control.sock")).unwrap();
    let error = failure(data.path(), "people").await;
    assert!(error.contains("another program has") && error.contains("control socket"), "{error}");
    program.stop().await;
    assert!(data.path().join(FILE_NAME).exists());
}

/// `sockeye admin create` with a terminal as its standard input.
struct OnTerminal {
    terminal: File,
    asked: ChildStderr,
    child: Child,
}

impl OnTerminal {
    fn create(data: &Path, name: &str) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut command = command(&["admin", "--data", data.to_str().unwrap(), "create", name]);
        let mut child = command.stdin(Stdio::from(slave)).spawn().unwrap();
        OnTerminal { terminal: master.into(), asked: child.stderr.take().unwrap(), child }
    }

    /// Waits until it is asked for this.
    async fn asked(&mut self, for_what: &str) {
        let mut said = vec![0; for_what.len()];
        timeout(PATIENCE, self.asked.read_exact(&mut said)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8(said).unwrap(), for_what);
    }

    fn types(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// Waits for its end: its status, and what it said on standard error.
    async fn ended(&mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        timeout(PATIENCE, self.asked.read_to_string(&mut said)).await.unwrap().unwrap();
        (timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code(), said)
    }
}

#[tokio::test]
async fn a_terminal_does_not_show_the_password() {
    let data = TempDir::new().unwrap();
    for (once, twice, expected, why) in [
        ("a password\n", "another one\n", Some(1), "the two passwords differ"),
        ("a password\n", "a pass\u{3}", Some(1), "interrupted"),
        ("a password\n", "a password\n", Some(0), ""),
    ] {
        let mut run = OnTerminal::create(data.path(), "Ada");
        run.asked("Password: ").await;
        assert!(!run.shows_what_is_typed());
        run.types(once);
        run.asked("\nOnce more: ").await;
        assert!(!run.shows_what_is_typed());
        run.types(twice);
        let (status, said) = run.ended().await;
        assert!(status == expected && said.contains(why), "{status:?} {said}");
        assert!(run.shows_what_is_typed(), "and it is as it was afterwards");
    }
    let people = admin(data.path(), "people").await;
    assert_eq!(people.lines().count(), 1, "{people}");
}

#[tokio::test]
async fn the_help_teaches() {
    let data = TempDir::new().unwrap();
    let help = admin(data.path(), "--help").await;
    for part in ["Examples:", "sockeye admin create ada", "PERSON is the name", "Exit status:"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    for (command, part) in [
        ("create", "There is no argument for it"),
        ("role", "the last one keeps the role"),
        ("reset", "no mail is sent"),
        ("close", "There is no way back"),
        ("guests", "logged out at once"),
        ("rooms", "for those who are in them"),
    ] {
        let help = admin(data.path(), &format!("{command} --help")).await;
        assert!(help.contains(part), "{command}: {help}");
    }
}
