//! Opening a session, and every reason why it is refused (SOCKETIO_SURFACE A1.2, A1.3, A1.5).

mod common;

use common::{Host, Received, sid};
use sockeye_engine::{Config, Cors, Origins, TransportKind};

#[tokio::test]
async fn polling_opens_with_exactly_the_keys_of_the_protocol() {
    let host = Host::tcp(Config::default()).await;
    let response = host.get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-xss-protection"), None);
    let length = response.body.len().to_string();
    assert_eq!(response.header("content-length"), Some(length.as_str()));
    let sid = sid(response.text());
    assert_eq!(sid.len(), 20);
    assert_eq!(
        response.text(),
        format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}}"
        )
    );
    assert_eq!(host.engine.sessions(), 1);
    assert_eq!(host.app.session(&sid).transport(), TransportKind::Polling);
}

#[tokio::test]
async fn a_websocket_opens_without_upgrades() {
    let host = Host::tcp(Config::default()).await;
    let mut socket = host.websocket("/engine.io/?EIO=4&transport=websocket").await.unwrap();
    let open = socket.text().await;
    let sid = sid(&open);
    assert_eq!(
        open,
        format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}}"
        )
    );
    assert_eq!(host.app.session(&sid).transport(), TransportKind::WebSocket);
    socket.send("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    socket.send_binary(&[0, 1, 2]).await;
    assert_eq!(socket.receive().await, Received::Binary(vec![0, 1, 2]));
}

#[tokio::test]
async fn ids_carry_the_node_and_differ() {
    let host = Host::tcp(Config { node_id: Some([1, 2, 3]), ..Config::default() }).await;
    let (first, second) = (host.open().await, host.open().await);
    assert!(first.starts_with("AQID") && second.starts_with("AQID"));
    assert_ne!(first, second);
}

#[tokio::test]
async fn the_handshake_is_kept_for_the_application() {
    let host = Host::tcp(Config::default()).await;
    let path = "/engine.io/?EIO=4&transport=polling&token=a%20b";
    let response = host.request("GET", path, &[("X-Custom", "yes")], b"").await;
    let handshake = host.app.handshake(&sid(response.text()));
    assert_eq!(handshake.header("x-custom"), Some(&b"yes"[..]));
    assert_eq!(handshake.query("token").as_deref(), Some("a b"));
    assert!(handshake.address().unwrap().ip().is_loopback());
    assert_eq!(handshake.uri().path(), "/engine.io/");
}

#[tokio::test]
async fn unknown_transports_are_code_0() {
    let host = Host::tcp(Config::default()).await;
    for query in [
        "",
        "?EIO=4",
        "?EIO=4&transport=",
        "?EIO=4&transport=tobi",
        "?EIO=4&transport=constructor",
        "?EIO=4&transport=__proto__",
        "?EIO=4&transport=webtransport",
        "?EIO=4&transport=Polling",
        "?EIO=4&transport[]=polling",
        "?EIO=4&transport=polling&transport=tobi",
    ] {
        let path = format!("/engine.io/{query}");
        host.get(&path).await.assert_refused(0, "Transport unknown");
        let refusal = host.websocket(&path).await.err().unwrap();
        refusal.assert_upgrade_refused("Transport unknown");
    }
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test]
async fn transports_can_be_left_out() {
    let transports = vec![TransportKind::Polling];
    let host = Host::tcp(Config { transports, ..Config::default() }).await;
    let refusal = host.websocket("/engine.io/?EIO=4&transport=websocket").await.err().unwrap();
    refusal.assert_upgrade_refused("Transport unknown");
    let response = host.get("/engine.io/?EIO=4&transport=polling").await;
    assert!(response.text().contains("\"upgrades\":[],"));
    let host = Host::tcp(Config { allow_upgrades: false, ..Config::default() }).await;
    let response = host.get("/engine.io/?EIO=4&transport=polling").await;
    assert!(response.text().contains("\"upgrades\":[],"));
}

#[tokio::test]
async fn unknown_sessions_are_code_1() {
    let host = Host::tcp(Config::default()).await;
    let long = "x".repeat(2000);
    for sid in ["abc", "__proto__", "constructor", "%00", "lv_VI97HAXpY6yYWAAAC", &long] {
        host.poll(sid).await.assert_refused(1, "Session ID unknown");
        host.post(sid, "4x").await.assert_refused(1, "Session ID unknown");
        let path = format!("/engine.io/?EIO=4&transport=websocket&sid={sid}");
        let refusal = host.websocket(&path).await.err().unwrap();
        refusal.assert_upgrade_refused("Session ID unknown");
    }
    // An empty one counts as absent.
    assert_eq!(host.poll("").await.status, 200);
}

#[tokio::test]
async fn other_methods_than_get_are_code_2() {
    let host = Host::tcp(Config::default()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let path = "/engine.io/?EIO=4&transport=polling";
        let response = host.request(method, path, &[], b"").await;
        response.assert_refused(2, "Bad handshake method");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_code_3() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    for path in [
        "/engine.io/?EIO=4&transport=websocket".to_owned(),
        format!("/engine.io/?EIO=4&transport=websocket&sid={sid}"),
        format!("/engine.io/?EIO=3&transport=polling&sid={sid}"),
        format!("/engine.io/?transport=polling&sid={sid}"),
    ] {
        host.get(&path).await.assert_refused(3, "Bad request");
    }
    let path = format!("/engine.io/?EIO=3&transport=websocket&sid={sid}");
    host.websocket(&path).await.err().unwrap().assert_upgrade_refused("Bad request");
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn other_revisions_are_code_5() {
    let host = Host::tcp(Config::default()).await;
    for query in ["", "EIO=3&", "EIO=abc&", "EIO=5&", "EIO=04&", "EIO=4.0&", "EIO=&"] {
        let path = format!("/engine.io/?{query}transport=polling");
        host.get(&path).await.assert_refused(5, "Unsupported protocol version");
        let path = format!("/engine.io/?{query}transport=websocket");
        let refusal = host.websocket(&path).await.err().unwrap();
        refusal.assert_upgrade_refused("Unsupported protocol version");
    }
}

#[tokio::test]
async fn only_the_path_and_what_is_below_is_handled() {
    let host = Host::tcp(Config::default()).await;
    for path in ["/", "/engine.io?EIO=4&transport=polling", "/engine.iox/", "/engine", "/other/"] {
        host.get(path).await.assert_empty(404);
    }
    let path = "/engine.io/anything/deeper?EIO=4&transport=polling";
    assert_eq!(host.get(path).await.status, 200);
    let host = Host::tcp(Config { path: Some("/a/b/".to_owned()), ..Config::default() }).await;
    assert_eq!(host.get("/a/b/?EIO=4&transport=polling").await.status, 200);
    host.get("/engine.io/?EIO=4&transport=polling").await.assert_empty(404);
}

#[tokio::test]
async fn upgrade_requests_are_judged_in_plain_text() {
    let host = Host::tcp(Config::default()).await;
    let path = "/engine.io/?EIO=4&transport=websocket";
    for (header, value) in [
        ("sec-websocket-key", "short"),
        ("sec-websocket-key", ""),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA"),
        ("sec-websocket-version", "7"),
    ] {
        let refusal = host.websocket_with(path, &[(header, value)]).await.err().unwrap();
        refusal.assert_upgrade_refused("Bad request");
    }
    let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
    let response = host.request("POST", path, &headers, b"").await;
    response.assert_upgrade_refused("Bad handshake method");
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test]
async fn an_upgrade_request_for_polling_is_accepted_and_hung_up() {
    let host = Host::tcp(Config::default()).await;
    let mut socket = host.websocket("/engine.io/?EIO=4&transport=polling").await.unwrap();
    assert_eq!(socket.close_code().await, 1005);
    let sid = host.open().await;
    let mut socket = host.websocket(&Host::url(&sid)).await.unwrap();
    assert_eq!(socket.close_code().await, 1005);
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn the_first_sub_protocol_is_chosen() {
    let host = Host::tcp(Config::default()).await;
    let path = "/engine.io/?EIO=4&transport=websocket";
    let offers = [("sec-websocket-protocol", "chat, other")];
    let socket = host.websocket_with(path, &offers).await.unwrap();
    assert_eq!(socket.header("sec-websocket-protocol"), Some("chat"));
    let socket = host.websocket(path).await.unwrap();
    assert_eq!(socket.header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn pages_from_elsewhere_are_refused_on_every_transport() {
    let host = Host::tcp(Config::default()).await;
    let (polling, websocket) =
        ("/engine.io/?EIO=4&transport=polling", "/engine.io/?EIO=4&transport=websocket");
    let sid = host.open().await;
    for origin in ["http://evil.org", "null", "http://localhost:1", "http://localhost.evil.org"] {
        let headers = [("origin", origin)];
        host.request("GET", polling, &headers, b"").await.assert_refused(4, "Forbidden");
        let refusal = host.websocket_with(websocket, &headers).await.err().unwrap();
        refusal.assert_upgrade_refused("Forbidden");
        let response = host.request("POST", &Host::url(&sid), &headers, b"4x").await;
        response.assert_refused(4, "Forbidden");
        let probe = format!("{websocket}&sid={sid}");
        let refusal = host.websocket_with(&probe, &headers).await.err().unwrap();
        refusal.assert_upgrade_refused("Forbidden");
    }
    host.assert_echoes(&sid).await;
    for origin in ["http://localhost", "https://localhost", "https://LOCALHOST:443"] {
        let headers = [("origin", origin)];
        assert_eq!(host.request("GET", polling, &headers, b"").await.status, 200);
        assert!(host.websocket_with(websocket, &headers).await.is_ok());
    }
}

#[tokio::test]
async fn an_allow_list_lets_pages_in() {
    let origins = Origins::SameOriginOr(vec!["https://*.example.com".parse().unwrap()]);
    let host = Host::tcp(Config { origins, ..Config::default() }).await;
    let path = "/engine.io/?EIO=4&transport=polling";
    let allowed = [("origin", "https://app.example.com")];
    assert_eq!(host.request("GET", path, &allowed, b"").await.status, 200);
    let refused = [("origin", "https://example.com.evil.org")];
    host.request("GET", path, &refused, b"").await.assert_refused(4, "Forbidden");
    // Pages of a shell, and frames without an origin.
    let listed = ["null", "file://"].map(|origin| origin.parse().unwrap()).to_vec();
    let origins = Origins::SameOriginOr(listed);
    let cors = Some(Cors::default());
    let host = Host::tcp(Config { origins, cors, ..Config::default() }).await;
    for origin in ["null", "file://"] {
        let headers = [("origin", origin), ("sec-fetch-site", "cross-site")];
        let response = host.request("GET", path, &headers, b"").await;
        assert_eq!(response.status, 200, "{origin}");
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
        let websocket = "/engine.io/?EIO=4&transport=websocket";
        assert!(host.websocket_with(websocket, &headers).await.is_ok(), "{origin}");
    }
    let host = Host::tcp(Config { origins: Origins::Any, ..Config::default() }).await;
    assert_eq!(host.request("GET", path, &refused, b"").await.status, 200);
}

#[tokio::test]
async fn upgrade_headers_on_any_request_are_harmless() {
    let host = Host::tcp(Config::default()).await;
    let path = "/engine.io/?EIO=4&transport=polling";
    for (upgrade, connection) in [("h2c", "upgrade"), ("websocket", "keep-alive"), ("", "upgrade")]
    {
        let headers = [("upgrade", upgrade), ("connection", connection)];
        let response = host.request("GET", path, &headers, b"").await;
        assert!([200, 400, 426].contains(&response.status), "{response:?}");
    }
    assert_eq!(host.get(path).await.status, 200);
}
