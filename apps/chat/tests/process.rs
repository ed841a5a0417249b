//! The program as an operator sees it: the ready line, addresses, signals, exit status.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use common::http::{ask, get, get_with};
use common::{PATIENCE, Person, Program, command};
use sockeye_chat::notes::contract::CHAT;
use sockeye_chat::store::FILE_NAME;
use sockeye_websocket::{ConnectError, Connector, Roots};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The answer to a request without a body, for a host and with further headers.
async fn get_from(address: SocketAddr, host: &str, path: &str, headers: &str) -> String {
    get_with(address, path, &format!("host: {host}\r\n{headers}")).await
}

/// The answer to a request with this body.
async fn post(address: SocketAddr, path: &str, body: &str) -> String {
    ask(address, "POST", path, "", body.as_bytes()).await.unwrap().text().to_owned()
}

#[tokio::test]
async fn without_arguments_it_serves_both_loopback_families_from_data() {
    let folder = TempDir::new().unwrap();
    // The port comes from the environment, because 3000 may be taken.
    let mut program =
        Program::start(command(&[]).env("SOCKEYE_PORT", "0").current_dir(folder.path())).await;
    assert_eq!(program.url, format!("http://localhost:{}", program.port()));
    let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), program.port());
    assert!(get(v4, "/healthz").await.ends_with("\r\n\r\nok"));
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), program.port());
        assert!(get(v6, "/").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert!(get(v4, "/room/x").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(get(v4, "/rooms").await.starts_with("HTTP/1.1 404 Not Found\r\n"));
    let refused = get(v4, "/socket.io/?EIO=4&transport=pigeon").await;
    assert!(refused.ends_with(r#"{"code":0,"message":"Transport unknown"}"#), "{refused}");
    let client = get(v4, "/socket.io/socket.io.min.js").await;
    assert!(client.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &client[..200]);
    assert!(folder.path().join("data").join(FILE_NAME).is_file());
    program.signal("INT").await;
    assert_eq!(program.ended().await.code(), Some(0));
}

/// DNS rebinding: a page whose own name leads here is of the same origin as the chat. Only the name
/// tells.
#[tokio::test]
async fn requests_for_other_names_are_answered_421_whatever_they_ask_for() {
    let data = TempDir::new().unwrap();
    let mut command = command(&["serve", "--port", "0", "--host", "127.0.0.1", "--data"]);
    command.arg(data.path()).args(["--allowed-host", "chat.example", "--public-url"]);
    command.args(["https://talk.example/", "--trusted-proxies", "127.0.0.2"]);
    let program = Program::start(&mut command).await;
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), program.port());
    let sockets = "/socket.io/?EIO=4&transport=polling";
    let paths = ["/", "/room/x", "/healthz", "/none", "/socket.io/socket.io.js"];
    for path in paths.into_iter().chain([sockets]) {
        let own_page = "origin: http://evil.test:3000\r\n";
        let refused = get_from(address, "evil.test:3000", path, own_page).await;
        assert!(refused.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{path}: {refused}");
        assert!(refused.contains("start with --allowed-host evil.test\n"), "{refused}");
        for host in ["localhost", "127.0.0.1:3000", "[::1]", "CHAT.example.:443", "talk.example"] {
            let answer = get_from(address, host, path, "").await;
            let expected = if path == "/none" { "404" } else { "200" };
            assert_eq!(&answer[9..12], expected, "{host} {path}");
        }
    }
    // What a public address names may connect, whatever a proxy makes of the host.
    let page = "origin: https://talk.example\r\n";
    assert_eq!(&get_from(address, "127.0.0.1", sockets, page).await[9..12], "200");
    let page = "origin: https://chat.example\r\n";
    assert_eq!(&get_from(address, "127.0.0.1", sockets, page).await[9..12], "403");
    // Nobody's proxy.
    let told = "x-forwarded-host: chat.example\r\nforwarded: host=chat.example\r\n";
    assert_eq!(&get_from(address, "evil.test", sockets, told).await[9..12], "421");
    program.stop().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_host_that_was_asked_for_counts() {
    let data = TempDir::new().unwrap();
    let mut command = command(&["serve", "--port", "0", "--host", "127.0.0.1", "--data"]);
    command.arg(data.path()).args(["--trusted-proxies", "127.0.0.1"]);
    command.args(["--forwarded-headers", "forwarded", "--allowed-host", "chat.example"]);
    let program = Program::start(&mut command).await;
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), program.port());
    for (headers, status) in [
        ("forwarded: for=192.0.2.1;host=chat.example\r\n", "200"),
        ("forwarded: for=192.0.2.1;host=evil.test\r\n", "421"),
        ("x-forwarded-host: chat.example\r\n", "421"),
        ("", "421"),
    ] {
        let answer = get_from(address, "upstream:3000", "/", headers).await;
        assert_eq!(&answer[9..12], status, "{headers}");
    }
    program.stop().await;
}

/// Nothing here has any, so nobody can make the server keep some while it waits for more.
#[tokio::test]
async fn events_with_attachments_end_the_session() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), program.port());
    let path = "/socket.io/?EIO=4&transport=polling";
    let opened = get(address, path).await;
    let id = opened.split('"').nth(3).unwrap();
    let path = format!("{path}&sid={id}");
    assert_eq!(post(address, &path, "40").await, "ok");
    let event = r#"451-["chat",{"_placeholder":true,"num":0}]"#;
    assert_eq!(post(address, &path, event).await, "ok");
    let line = program.logged("disconnected").await;
    assert!(line.contains("forced server close"), "{line}");
    program.stop().await;
}

/// Accepting failed before, and nobody had to give way: everybody waited until the silent ones had
/// used up their time.
#[tokio::test]
async fn where_files_are_few_the_silent_give_way() {
    let data = TempDir::new().unwrap();
    let start = r#"ulimit -Sn 100 && ulimit -Hn 256 && exec "$0" serve --port 0 --host 127.0.0.1 --data "$1""#;
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", start, env!("CARGO_BIN_EXE_sockeye")]).arg(data.path());
    command.env_clear().stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut program = Program::start(&mut command).await;
    let line = program.logged("few files").await;
    assert!(line.contains("files=256 connections=192 handshakes=96"), "{line}");
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), program.port());
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // Less than a silent one has.
    let answer = timeout(Duration::from_secs(5), get(address, "/healthz")).await;
    assert!(answer.expect("somebody gave way").ends_with("\r\n\r\nok"));
    drop(silent);
    program.stop().await;
}

#[tokio::test]
async fn connects_and_disconnects_are_logged_with_reasons() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let a = Person::connect(&program, "secret name").await;
    let id = a.client.id().unwrap();
    let line = program.logged("connected").await;
    assert!(line.contains(&*id) && line.contains("127.0.0.1"), "{line}");
    a.client.close().await;
    let line = program.logged("disconnected").await;
    assert!(line.contains(&*id) && line.contains("client namespace disconnect"), "{line}");
    let _b = Person::connect(&program, "b").await;
    program.signal("TERM").await;
    let line = program.logged("disconnected").await;
    assert!(line.contains("server shutting down"), "{line}");
    program.logged("stopped").await;
    assert_eq!(program.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let a = Person::enter(&program, "a", "방").await;
    // Somebody else holds the database, so what is said cannot be stored and the draining waits.
    let options = SqliteConnectOptions::new().filename(data.path().join(FILE_NAME));
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    a.client.emit(CHAT, &a.message("waits")).unwrap();
    a.client.flushed().await;

    program.signal("TERM").await;
    program.logged("stopping").await;
    program.signal("TERM").await;
    // A program that had waited for the database would have ended with another status.
    assert_eq!(program.ended().await.code(), Some(130));
    held.rollback().await.unwrap();
}

#[tokio::test]
async fn what_it_cannot_do_is_said_in_one_line() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let port = program.port().to_string();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (file, folder) = (file.to_str().unwrap(), data.path().to_str().unwrap());
    for (args, expected) in [
        (
            vec!["--host", "127.0.0.1", "--port", &port, "--data", folder],
            "another program does; --port chooses another port: ",
        ),
        (vec!["--port", "0", "--data", folder], "another sockeye uses this folder; stop it"),
        (vec!["--port", "0", "--data", file], "cannot keep messages in"),
        (vec!["--port", "0", "--data", folder, "--ui", folder], "cannot serve the page in"),
        (vec!["--port", "0", "--data", folder, "--log", "=x="], "not a filter"),
        (
            vec!["--port", "0", "--data", folder, "--tls-cert", file, "--tls-key", file],
            "cannot use the certificate",
        ),
    ] {
        let output =
            tokio::time::timeout(PATIENCE, command(&args).output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let error = said.lines().last().unwrap();
        assert!(error.starts_with("error: ") && error.contains(expected), "{said}");
        assert!(output.stdout.is_empty(), "it never said that it listens");
    }
    program.stop().await;
}

/// A WebSocket to the chat over TLS, from a client that trusts `pem`; the first packet it gets.
async fn first_packet(program: &Program, pem: &str) -> String {
    let connector = Connector::new().roots(Roots::empty().with_pem(pem.as_bytes()).unwrap());
    let path = "/socket.io/?EIO=4&transport=websocket";
    let url = format!("wss://localhost:{}{path}", program.port());
    let (mut socket, _) = connector.connect(&url).await.unwrap();
    socket.recv().await.unwrap().unwrap().as_text().unwrap().to_owned()
}

#[tokio::test]
async fn https_with_a_certificate() {
    let data = TempDir::new().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (data.path().join("certificate"), data.path().join("key"));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let [folder, certificate, key] =
        [data.path(), &certificate, &key].map(|path| path.to_str().unwrap().to_owned());
    let args = ["--port", "0", "--data", &folder, "--tls-cert", &certificate, "--tls-key", &key];
    let program = Program::start(&mut command(&args)).await;
    assert_eq!(program.url, format!("https://localhost:{}", program.port()));
    let packet = first_packet(&program, &pair.cert.pem()).await;
    assert!(packet.starts_with("0{"), "{packet}");
    program.stop().await;
}

/// A certificate that is renewed needs no restart.
#[tokio::test]
async fn a_renewed_certificate_is_read_again() {
    let data = TempDir::new().unwrap();
    let (certificate, key) = (data.path().join("certificate"), data.path().join("key"));
    let write = || {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        std::fs::write(&certificate, pair.cert.pem()).unwrap();
        pair.cert.pem()
    };
    let first = write();
    let [folder, certificate_file, key_file] =
        [data.path(), &certificate, &key].map(|path| path.to_str().unwrap().to_owned());
    let files = ["--tls-cert", &certificate_file, "--tls-key", &key_file];
    let args = [&["--port", "0", "--data", &folder][..], &files].concat();
    let program = Program::start(&mut command(&args)).await;
    assert!(first_packet(&program, &first).await.starts_with("0{"));
    let second = write();
    let connector = Connector::new().roots(Roots::empty().with_pem(second.as_bytes()).unwrap());
    let url = format!("wss://localhost:{}/socket.io/?EIO=4&transport=websocket", program.port());
    // It looks every ten seconds.
    while connector.connect(&url).await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    program.stop().await;
}

#[tokio::test]
async fn https_with_a_certificate_of_its_own() {
    let data = TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap();
    let args = ["--host", "127.0.0.1", "--port", "0", "--data", folder, "--tls-self-signed"];
    let mut program = Program::start(&mut command(&args)).await;
    assert_eq!(program.url, format!("https://127.0.0.1:{}", program.port()));
    assert_eq!(program.said().await, format!("open {}", program.url));
    // Nobody trusts it unasked.
    let refused = sockeye_websocket::connect(&program.url.replace("https", "wss")).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
    program.stop().await;
}

#[tokio::test]
async fn help_names_every_option() {
    for args in [&["--help"][..], &["serve", "--help"]] {
        let output = command(args).output().await.unwrap();
        assert!(output.status.success());
        let help = String::from_utf8(output.stdout).unwrap();
        for text in [
            "--port",
            "3000",
            "SOCKEYE_PORT",
            "--host",
            "SOCKEYE_HOST",
            "--tls-cert",
            "SOCKEYE_TLS_CERT",
            "--tls-key",
            "SOCKEYE_TLS_KEY",
            "--tls-self-signed",
            "--data",
            "./data",
            "SOCKEYE_DATA",
            "--messages-per-second",
            "SOCKEYE_MESSAGES_PER_SECOND",
            "--kib-per-second",
            "--mib-per-day",
            "--rooms-per-hour",
            "--joins-per-second",
            "--connections-max",
            "--free-space-min",
            "SOCKEYE_FREE_SPACE_MIN",
            "--ui",
            "SOCKEYE_UI_DIR",
            "--log",
            "RUST_LOG",
        ] {
            assert!(help.contains(text), "{text} in {args:?}");
        }
    }
    let output = command(&["--version"]).output().await.unwrap();
    assert_eq!(output.stdout, format!("sockeye {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
}
