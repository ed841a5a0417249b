//! What watches the program, and how it is configured, from outside.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;

use common::http::get;
use common::{PATIENCE, Person, Program, command, database, http};
use tempfile::TempDir;
use tokio::time::timeout;

/// The status of an answer to a request with these headers, and its body.
async fn ask(program: &Program, path: &str, headers: &str) -> (u16, String) {
    let address = ([127, 0, 0, 1], program.port()).into();
    let answer = http::ask(address, "GET", path, headers, &[]).await.unwrap();
    (answer.status(), answer.text().to_owned())
}

const KEY: &str = "authorization: Bearer 0123456789abcdef\r\n";

#[tokio::test]
async fn the_numbers_are_for_this_machine_and_for_the_key() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let ada = Person::enter(&program, "Ada", "tea").await;
    ada.say("hello").await.unwrap();
    let (status, text) = ask(&program, "/metrics", "").await;
    assert_eq!(status, 200);
    for line in [
        "sockeye_chat_messages 1",
        "sockeye_chat_is_storing 1",
        "sockeye_chat_store_queued 0",
        "sockeye_chat_refused_total{limit=\"messages-per-second\"} 0",
        "sockeye_sockets{namespace=\"/\"} 1",
        "# TYPE sockeye_handler_seconds histogram",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let different: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "none twice");
    // Through a proxy that nobody has told of, and without a key.
    for headers in
        ["x-forwarded-for: 192.0.2.1\r\n", "forwarded: for=192.0.2.1\r\n", "via: 1.1 x\r\n"]
    {
        for headers in [headers.to_owned(), format!("{headers}{KEY}")] {
            assert_eq!(ask(&program, "/metrics", &headers).await.0, 403, "{headers}");
        }
    }
    program.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_this_machine_is_who_comes_from_it() {
    let data = TempDir::new().unwrap();
    let (folder, key) = (data.path().to_str().unwrap(), "0123456789abcdef");
    let args = ["serve", "--host", "127.0.0.1", "--port", "0", "--data", folder];
    let mut command = command(&[&args[..], &["--trusted-proxies", "127.0.0.1"]].concat());
    let program = Program::start(command.env("SOCKEYE_METRICS_KEY", key)).await;
    let wrong = KEY.replace("abc", "abd");
    for (headers, status) in [
        ("x-forwarded-for: 192.0.2.1\r\n".to_owned(), 403),
        ("x-forwarded-for: 127.0.0.1, 192.0.2.1\r\n".to_owned(), 403),
        (format!("x-forwarded-for: 192.0.2.1\r\n{wrong}"), 403),
        (format!("x-forwarded-for: 192.0.2.1\r\n{KEY}"), 200),
        (String::new(), 200),
    ] {
        assert_eq!(ask(&program, "/metrics", &headers).await.0, status, "{headers}");
    }
    program.stop().await;
}

/// A balancer learns that it stops while it still answers everything.
#[tokio::test]
async fn it_is_not_ready_before_it_stops_to_listen() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve_with(data.path(), &["--drain-delay", "600"]).await;
    assert_eq!(ask(&program, "/readyz", "").await, (200, "ok".to_owned()));
    let ada = Person::enter(&program, "Ada", "tea").await;
    program.signal("TERM").await;
    let stopping =
        async { while ask(&program, "/readyz", "").await != (503, "stopping".to_owned()) {} };
    timeout(PATIENCE, stopping).await.unwrap();
    assert_eq!(ask(&program, "/healthz", "").await, (200, "ok".to_owned()));
    ada.say("still here").await.unwrap();
    program.signal("TERM").await;
    assert_eq!(program.ended().await.code(), Some(130));
}

#[tokio::test]
async fn options_come_from_the_file_too() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("sockeye.toml");
    fs::write(&file, "host = \"127.0.0.1\"\nport = 1\nmetrics-key = \"0123456789abcdef\"\n")
        .unwrap();
    let folder = data.path().to_str().unwrap();
    let program = Program::start(command(&["--data", folder]).env("SOCKEYE_PORT", "0")).await;
    assert!(get(([127, 0, 0, 1], program.port()).into(), "/healthz").await.ends_with("ok"));
    program.stop().await;
    let mut config = command(&["config", "--keep-alive", "7", "--data", folder]);
    let output = config.env("SOCKEYE_PORT", "0").output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for line in [
        "port = 0  # environment: SOCKEYE_PORT",
        "host = \"127.0.0.1\"  # file, line 1",
        "keep-alive = 7  # --keep-alive",
        "# metrics-key is set and not shown  # file, line 3",
    ] {
        assert!(said.lines().any(|there| there == line), "{line}: {said}");
    }
    assert!(!said.contains("0123456789abcdef"));
    fs::write(&file, "\nprot = 1\n").unwrap();
    for name in ["serve", "config"] {
        let output = command(&[name, "--data", folder]).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said.contains("sockeye.toml:2: there is no option \"prot\": did you mean \"port\"?"),
            "{said}"
        );
    }
    // The help does not show it either.
    let mut help = command(&["--help"]);
    let help = help.env("SOCKEYE_METRICS_KEY", "fedcba9876543210").output().await.unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("fedcba9876543210"));
}

/// The messages in a data folder, made older by so many days.
async fn age(data: &std::path::Path, days: i64) {
    database::run(data, &format!("UPDATE messages SET at = at - {}", days * 24 * 3_600 * 1_000))
        .await;
}

#[tokio::test]
async fn messages_whose_time_is_over_are_deleted_and_told_of_before() {
    let data = TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap();
    let program = Program::serve(data.path()).await;
    Person::enter(&program, "Ada", "tea").await.say("old").await.unwrap();
    program.stop().await;
    age(data.path(), 40).await;
    let retention = async |args: &[&str]| {
        let args = [&["retention", "--data", folder], args].concat();
        let output = timeout(PATIENCE, command(&args).output()).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    fs::write(data.path().join("sockeye.toml"), "keep-days = 60\n").unwrap();
    let (_, said) = retention(&["--dry-run"]).await;
    assert_eq!(said, "no message is over\n");
    let (_, said) = retention(&["--dry-run", "--keep-days", "30"]).await;
    assert!(said.starts_with("1 messages older than 30 days") && said.ends_with("tea\n"), "{said}");

    let mut program = Program::serve(data.path()).await;
    Person::enter(&program, "Ada", "tea").await.say("new").await.unwrap();
    let (status, said) = retention(&["--keep-days", "30"]).await;
    assert!(status == Some(1) && said.contains("a server runs on"), "{said}");
    let (_, said) = retention(&["--dry-run", "--keep-days", "30"]).await;
    assert!(said.starts_with("1 messages older"), "beside the server too: {said}");
    program.signal("TERM").await;
    program.ended().await;

    let mut program = Program::serve_with(data.path(), &["--keep-days", "30"]).await;
    program.logged("messages are over and will be deleted").await;
    program.logged("messages were deleted").await;
    let history = Person::connect(&program, "reader").await.join("tea").await.unwrap();
    assert_eq!(history.iter().map(|message| &*message.msg).collect::<Vec<_>>(), ["new"]);
    program.stop().await;

    age(data.path(), 40).await;
    let (status, said) = retention(&["--keep-days", "30"]).await;
    assert!(status == Some(0) && said.starts_with("1 messages older"), "{said}");
    let (_, said) = retention(&["--keep-days", "30"]).await;
    assert_eq!(said, "no message is over\n");
}
