//! `sockeye key` and `sockeye emit` as people use them, beside a server and without one.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use common::http::get;
use common::{PATIENCE, Person, Program, command, next};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// What a command said, and its status.
#[derive(Debug)]
struct Said {
    status: i32,
    out: String,
    err: String,
}

async fn run(command: &mut Command) -> Said {
    let output = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn key(data: &Path, args: &[&str]) -> Said {
    let args = [&["key"], args, &["--data", data.to_str().unwrap()]].concat();
    run(&mut command(&args)).await
}

/// A key that was just made.
async fn created(data: &Path, args: &[&str]) -> String {
    let said = key(data, &[&["create"], args].concat()).await;
    assert_eq!(said.status, 0, "{said:?}");
    let secret = said.out.strip_suffix('\n').unwrap().to_owned();
    assert!(secret.starts_with("sk_") && !said.err.contains(&secret), "{said:?}");
    secret
}

fn id(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

async fn emit(key: &str, args: &[&str]) -> Said {
    run(command(&[&["emit"], args].concat()).env("SOCKEYE_KEY", key)).await
}

#[tokio::test]
async fn a_key_is_made_beside_a_running_server_and_counts_at_once() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, program.port()));
    // Without a key there is nothing there.
    for path in ["/api/v1", "/api/v1/", "/api/v1/docs", "/api/v1/openapi.json", "/api/v1/rooms"] {
        assert!(get(address, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let none = emit("sk_a_b", &[&program.url, "tick"]).await;
    assert_eq!(none.status, 1, "{none:?}");
    assert!(none.err.contains("sockeye key create"), "{none:?}");
    let mode = fs::metadata(data.path().join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let secret = created(data.path(), &["shop"]).await;
    program.logged("create a key").await;
    assert!(get(address, "/api/v1/docs").await.starts_with("HTTP/1.1 200 "));
    let person = Person::enter(&program, "ann", "lobby").await;
    let mut ticks = person.client.subscribe::<sockeye::RawArgs>("tick");
    let sent = emit(&secret, &[&program.url, "tick", "1.0", "two", r#"{"three":[3]}"#]).await;
    assert_eq!((sent.status, &*sent.out, &*sent.err), (0, "", ""));
    assert_eq!(next(&mut ticks).await.json(), r#"1.0,"two",{"three":[3]}"#);
    let sent =
        emit(&secret, &[&program.url, "tick", r#"{"base64":"AQID"}"#, "--except", "nobody"]).await;
    assert_eq!(sent.status, 0, "{sent:?}");
    assert_eq!(next(&mut ticks).await.attachments(), [&[1, 2, 3][..]]);

    let listed = key(data.path(), &["list"]).await;
    assert!(
        listed.out.starts_with(&format!("{}  shop  publish  /  made 20", id(&secret))),
        "{listed:?}"
    );
    assert!(!listed.out.contains(&secret), "{listed:?}");
    let json = key(data.path(), &["list", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["name"], &json["verbs"][0]), (&"shop".into(), &"publish".into()));

    // Another one, so that the API stays.
    let other =
        created(data.path(), &["other", "--verb", "read", "--namespace", "/x", "--expires", "1d"])
            .await;
    let revoked = key(data.path(), &["revoke", id(&secret)]).await;
    assert_eq!((revoked.status, &*revoked.out), (0, ""));
    let refused = emit(&secret, &[&program.url, "tick"]).await;
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.err.contains("key_unknown") && !refused.err.contains(&secret), "{refused:?}");
    let out_of_scope = emit(&other, &[&program.url, "tick"]).await;
    assert_eq!(out_of_scope.status, 3, "{out_of_scope:?}");
    let again = key(data.path(), &["revoke", id(&secret)]).await;
    assert_eq!(again.status, 1);
    assert!(again.err.contains("sockeye key list"), "{again:?}");

    drop(person);
    program.stop().await;
    assert!(!data.path().join("control.sock").exists());
}

#[tokio::test]
async fn keys_are_changed_without_a_server_and_after_one_that_was_killed() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("new");
    let missing = key(&data, &["list"]).await;
    assert_eq!(missing.status, 1);
    assert!(missing.err.contains("--data"), "{missing:?}");
    let first = created(&data, &["first", "--verb", "publish,read"]).await;
    let mode = fs::metadata(data.join("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!fs::read_to_string(data.join("keys.json")).unwrap().contains(&first));

    let mut program = Program::serve(&data).await;
    let sent = emit(&first, &[&program.url, "tick"]).await;
    assert_eq!(sent.status, 0, "{sent:?}");
    program.signal("KILL").await;
    program.ended().await;
    assert!(data.join("control.sock").exists(), "it had no time to take it away");
    let second = created(&data, &["second"]).await;
    let listed = key(&data, &["list"]).await;
    assert_eq!(listed.out.lines().count(), 2, "{listed:?}");

    // The next one has its socket in the place of the old one, and knows both keys.
    let program = Program::serve(&data).await;
    assert_eq!(emit(&second, &[&program.url, "tick"]).await.status, 0);
    assert_eq!(key(&data, &["revoke", id(&first)]).await.status, 0);
    assert_eq!(emit(&first, &[&program.url, "tick"]).await.status, 3);
    program.stop().await;
}

#[tokio::test]
async fn a_damaged_file_of_keys_is_told_by_all() {
    let data = TempDir::new().unwrap();
    fs::write(data.path().join("keys.json"), "{").unwrap();
    for args in [&["list"][..], &["create", "a"], &["revoke", "a"]] {
        let said = key(data.path(), args).await;
        assert_eq!(said.status, 1);
        assert!(said.err.contains("is damaged, and was left as it is"), "{said:?}");
    }
    let served =
        ["serve", "--port", "0", "--host", "127.0.0.1", "--data", data.path().to_str().unwrap()];
    let said = run(&mut command(&served)).await;
    assert_eq!((said.status, &*said.out), (1, ""));
    assert!(said.err.contains("is damaged, and was left as it is"), "{said:?}");
    assert_eq!(fs::read_to_string(data.path().join("keys.json")).unwrap(), "{");
}

/// A server that answers every request with this.
async fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.ends_with(b"}")
                && stream.read_buf(&mut read).await.is_ok_and(|count| count > 0)
            {}
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn each_way_to_fail_has_its_status_and_its_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (answer, status, words) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 1, "no publishing API"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"published\":true}", 0, ""),
        ("HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", 1, "redirects (301"),
        (
            "HTTP/1.1 429 Slow\r\nretry-after: 7\r\n\r\n{\"error\":{\"code\":\"c\",\"message\":\"slowly\\u0007\"}}",
            1,
            "error: slowly  (429 Too Many Requests, c); try again in 7 s\n",
        ),
        ("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", 3, "401"),
        ("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", 3, "403"),
        ("HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n", 1, "502"),
        ("nonsense\r\n\r\n", 4, "the connection ended"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", 4, "the connection ended"),
    ] {
        let url = answering(answer).await;
        let said = emit("sk_a_b", &[&url, "e"]).await;
        assert_eq!((said.status, &*said.out), (status, ""), "{answer}: {said:?}");
        assert!(said.err.contains(words), "{answer}: {said:?}");
    }
    for (args, status, words) in [
        (&[&*nobody, "e"][..], 4, "cannot connect"),
        (&["ftp://localhost", "e"], 2, "http://"),
        (&["http://user:secret@localhost", "e"], 2, "SOCKEYE_KEY"),
        (&["localhost:3000", "e"], 2, "http://"),
        (&["http://localhost"], 2, "EVENT"),
        (&["http://localhost", "e", "{"], 2, "--text"),
        (&["http://localhost", "e", "--key", "sk_a_b"], 2, "--key"),
        (&["http://localhost", "e", "--key-file", "/none"], 2, "/none"),
    ] {
        let said = emit("sk_a_b", args).await;
        assert_eq!((said.status, &*said.out), (status, ""), "{args:?}: {said:?}");
        assert!(said.err.contains(words), "{args:?}: {said:?}");
        assert!(!said.err.contains("secret"), "{said:?}");
    }
    for (variable, words) in [("", "there is no key"), ("a b", "the variable SOCKEYE_KEY")] {
        let said = emit(variable, &[&nobody, "e"]).await;
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
    }
}

#[tokio::test]
async fn a_key_and_an_argument_come_from_files() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let secret = created(data.path(), &["a"]).await;
    let file = data.path().join("key");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let person = Person::connect(&program, "ann").await;
    let mut ticks = person.client.subscribe::<String>("tick");
    let args = ["emit", &program.url, "tick", "-", "--text", "--key-file", file.to_str().unwrap()];
    let mut child = command(&args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a\nb").await.unwrap();
    assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
    assert_eq!(next(&mut ticks).await, "a\nb");
    let twice = ["--idempotency-key", "once"];
    for _ in 0..2 {
        let sent = emit(&secret, &[&[&*program.url, "tick", "once"][..], &twice].concat()).await;
        assert_eq!(sent.status, 0, "{sent:?}");
    }
    let other = emit(&secret, &[&[&*program.url, "tick", "other"][..], &twice].concat()).await;
    assert_eq!(other.status, 1);
    assert!(other.err.contains("idempotency_mismatch"), "{other:?}");
    assert_eq!(emit(&secret, &[&program.url, "tick", "last"]).await.status, 0);
    assert_eq!((next(&mut ticks).await, next(&mut ticks).await), ("once".into(), "last".into()));
    drop(person);
    program.stop().await;
}

#[tokio::test]
async fn the_help_has_the_statuses_and_no_way_to_give_a_key() {
    let all: &[_] = &["0  done", "1  failed", "2  used wrongly", "3  refused", "4  not reachable"];
    for (args, statuses) in [(["emit", "--help"], all), (["key", "--help"], &all[..3])] {
        let said = run(&mut command(&args)).await;
        assert_eq!(said.status, 0);
        for status in statuses {
            assert!(said.out.contains(status), "{}", said.out);
        }
        assert!(!said.out.contains("--key <"), "{}", said.out);
    }
}

#[tokio::test]
async fn rooms_of_the_chat_are_read_with_a_key_and_by_nobody_else() {
    let data = TempDir::new().unwrap();
    let reader = created(data.path(), &["reader", "--verb", "read"]).await;
    let sender = created(data.path(), &["sender", "--verb", "publish"]).await;
    let program = Program::serve(data.path()).await;
    let feed = format!("{}/socket.io/feeds/~/lobby", program.url);
    for key in ["", &sender, "sk_a_b"] {
        let mut tail = command(&["tail", "--once", &feed]);
        let tail = if key.is_empty() { &mut tail } else { tail.env("SOCKEYE_KEY", key) };
        let refused = run(tail).await;
        assert_eq!((refused.status, &*refused.out), (3, ""), "{refused:?}");
        assert!(refused.err.contains("key"), "{refused:?}");
    }

    // From the first look on the room is kept for its readers.
    let tail = async |args: &[&str]| {
        let args = [&["tail"], args, &[&feed]].concat();
        let said = run(command(&args).env("SOCKEYE_KEY", &reader)).await;
        assert_eq!(said.status, 0, "{said:?}");
        let lines = said.out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<serde_json::Value>>()
    };
    assert_eq!(tail(&["--once"]).await.len(), 0);
    let mut person = Person::enter(&program, "ann", "lobby").await;
    person.say("hello").await.unwrap();
    next(&mut person.posted).await;
    let said = tail(&["--once"]).await;
    let last = said.last().unwrap();
    assert_eq!((&last["event"], &last["data"][0]["msg"]), (&"chat".into(), &"hello".into()));

    drop(person);
    program.stop().await;
}
