//! What a server is declared with, seen by its clients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use sockeye::engine::{
    Compression, Cookie, Encoded, ForwardedHeaders, OriginPattern, Origins, Rejection,
    TransportKind, TrustedProxies,
};
use sockeye::{Config, MsgpackParser, RecoveryConfig, Server, ServerBuilder, engine};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{Peer, Response, request};

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

/// The answer to a GET.
async fn get(server: &TestServer, target: &str) -> Response {
    ask(server, "GET", target, &[]).await
}

/// The answer to a request on a connection of its own.
async fn ask(
    server: &TestServer,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut peer = Peer::new(server.open().0);
    let headers = [headers, &[("Connection", "close")]].concat();
    peer.send(request(method, target, &headers, "")).await;
    peer.response().await.unwrap()
}

#[tokio::test]
async fn options_of_the_engine_by_struct_update_leave_the_path_where_it_is() {
    let engine =
        engine::Config { ping_interval: Duration::from_millis(1234), ..engine::Config::default() };
    let config = Config { engine, ..Config::default() };
    let server = TestServer::new(Server::builder().config(config).build().unwrap());
    assert_eq!(server.server().path(), "/socket.io");
    let answer = get(&server, HANDSHAKE).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"pingInterval\":1234"), "{answer:?}");
    assert_eq!(get(&server, "/socket.io/socket.io.js").await.status, 200);
    assert_eq!(get(&server, "/engine.io/?EIO=4&transport=polling").await.status, 404);
}

/// Each method writes the field that it is documented to write.
#[tokio::test]
async fn options_have_the_names_of_nodes_and_write_the_configuration() {
    let second = Duration::from_secs(1);
    let built = Server::builder()
        .path("/live/")
        .add_trailing_slash(false)
        .serve_client(false)
        .transports([TransportKind::WebSocket])
        .ping_interval(second)
        .ping_timeout(2 * second)
        .upgrade_timeout(3 * second)
        .allow_upgrades(false)
        .max_http_buffer_size(5_000)
        .http_compression(None)
        .per_message_deflate(Compression::on())
        .cookie(Cookie { name: "lb".to_owned(), ..Cookie::default() })
        .initial_packet(Encoded::new("welcome", Vec::new()))
        .allow_eio3(true)
        .allow_request(async |_| Err(Rejection::new("closed")))
        .parser(MsgpackParser)
        .connect_timeout(4 * second)
        .connection_state_recovery(RecoveryConfig {
            max_disconnection: second,
            ..RecoveryConfig::default()
        })
        .cleanup_empty_child_namespaces(true)
        .build()
        .unwrap();
    let config = built.config();
    let engine = &config.engine;
    assert_eq!(built.path(), "/live");
    assert!(!engine.add_trailing_slash && !config.serve_client && !engine.allow_upgrades);
    assert!(engine.allow_eio3 && config.cleanup_empty_child_namespaces);
    assert_eq!(engine.transports, [TransportKind::WebSocket]);
    assert_eq!([engine.ping_interval, engine.ping_timeout], [second, 2 * second]);
    assert_eq!([engine.upgrade_timeout, config.connect_timeout], [3 * second, 4 * second]);
    assert_eq!((engine.payload_bytes_max, engine.compress_from_bytes), (5_000, None));
    assert_eq!(engine.compression, Compression::on());
    assert_eq!(engine.cookie.as_ref().map(|cookie| &*cookie.name), Some("lb"));
    assert!(engine.initial_packet.is_some() && config.parser.is_some());
    assert_eq!(config.recovery.as_ref().map(|limits| limits.max_disconnection), Some(second));
    assert!(format!("{:?}", engine.hooks).contains("allow_request: true"));
}

#[tokio::test]
async fn a_request_may_be_refused_before_there_is_a_session() {
    let builder = Server::builder().allow_request(async |handshake| {
        match handshake.header_str("X-Api-Key") {
            Some("secret") => Ok(()),
            _ => Err(Rejection::new("who are you?")),
        }
    });
    let server = TestServer::new(builder.build().unwrap());
    assert_eq!(get(&server, HANDSHAKE).await.status, 403);
    let key = [("x-api-key", "secret")];
    assert_eq!(ask(&server, "GET", HANDSHAKE, &key).await.status, 200);
}

#[tokio::test]
async fn origins_are_added_one_by_one() {
    let origins = |builder: ServerBuilder| builder.build().unwrap().config().engine.origins.clone();
    let parse = |text: &str| text.parse::<OriginPattern>().unwrap();
    let two = Server::builder().allow_origin("http://localhost:5173").allow_origin("app://main");
    let both = vec![parse("http://localhost:5173"), parse("app://main")];
    assert_eq!(origins(two), Origins::SameOriginOr(both));
    for every in [["*", "app://main"], ["app://main", "*"]] {
        let builder = Server::builder().allow_origin(every[0]).allow_origin(String::from(every[1]));
        assert_eq!(origins(builder), Origins::Any);
    }
}

#[tokio::test]
async fn listed_pages_may_bring_cookies_if_that_is_said() {
    let page = [("Origin", "http://localhost:5173")];
    for (builder, credentials) in [
        (Server::builder().allow_origin(page[0].1), None),
        (Server::builder().allow_origin(page[0].1).allow_credentials(), Some("true")),
        (Server::builder().allow_credentials().allow_origin(page[0].1), Some("true")),
    ] {
        let server = TestServer::new(builder.build().unwrap());
        let answer = ask(&server, "GET", HANDSHAKE, &page).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(page[0].1));
        assert_eq!(answer.header("access-control-allow-credentials"), credentials);
    }
    let any = Server::builder().allow_origin("*").allow_credentials().build();
    assert_eq!(
        any.unwrap_err().to_string(),
        "any origin together with credentials: list the origins instead"
    );
}

#[tokio::test]
async fn hosts_and_proxies_are_texts() {
    let server = Server::builder()
        .allowed_hosts("chat.example")
        .allowed_hosts(String::from("*.chat.example"))
        .trusted_proxies("127.0.0.1, 10.0.0.0/8")
        .sessions_per_address_max(7)
        .build()
        .unwrap();
    let engine = &server.config().engine;
    assert_eq!(engine.allowed_hosts, Some("chat.example, *.chat.example".parse().unwrap()));
    assert_eq!(engine.trusted_proxies, "127.0.0.1, 10.0.0.0/8".parse().unwrap());
    assert_eq!(engine.sessions_per_address_max, Some(7));
    let forwarded: TrustedProxies = "10.0.0.1".parse().unwrap();
    let forwarded = forwarded.headers(ForwardedHeaders::Forwarded);
    let server = Server::builder().trusted_proxies(forwarded.clone()).build().unwrap();
    assert_eq!(server.config().engine.trusted_proxies, forwarded);
}

#[tokio::test]
async fn what_means_nothing_is_an_error_that_says_what_to_write() {
    let builder = Server::builder;
    for (builder, message) in [
        (
            builder().allow_origin("localhost:5173"),
            "allow_origin: \"localhost:5173\" is not an origin such as https://example.com:8080; \
             write http://localhost:5173 or https://localhost:5173",
        ),
        (
            builder().allow_origin("http://localhost:5173/").allowed_hosts("/"),
            "allow_origin: \"http://localhost:5173/\" is not an origin such as \
             https://example.com:8080; write http://localhost:5173",
        ),
        (
            builder().allowed_hosts("https://chat.example"),
            "allowed_hosts: \"https://chat.example\" is not a host such as chat.example or \
             *.chat.example; write chat.example",
        ),
        (
            builder().trusted_proxies("localhost"),
            "trusted_proxies: \"localhost\" is not an address or a network such as 10.0.0.0/8; \
             write 127.0.0.0/8, ::1",
        ),
        (builder().path("live"), "path \"live\" is not an absolute path such as /socket.io"),
        (builder().ping_timeout(Duration::ZERO), "ping_timeout is out of range"),
    ] {
        assert_eq!(builder.state(1).build().unwrap_err().to_string(), message);
    }
}
