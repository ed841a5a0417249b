//! What stands beside sessions, and what requests may not do (SockJS 0.3.3, "Static URLs" to "Handling
//! Close", and the Fetch standard for other origins).

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, any_origin, open_doors};
use sockeye_engine::Config as EngineConfig;
use sockeye_sockjs::Config;

fn plain() -> Config {
    Config { path: "/echo".to_owned(), ..Config::default() }
}

#[tokio::test]
async fn greets_and_tells_what_it_has() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    for path in ["/echo", "/echo/"] {
        let greeting = host.get(path).await;
        assert_eq!((greeting.status, greeting.text()), (200, "Welcome to SockJS!\n"));
        assert_eq!(greeting.header("content-type"), Some("text/plain; charset=UTF-8"));
    }
    let info = host.get("/echo/info").await;
    assert_eq!(info.header("content-type"), Some("application/json; charset=UTF-8"));
    let json: serde_json::Value = info.json();
    assert_eq!((&json["websocket"], &json["cookie_needed"]), (&true.into(), &false.into()));
    assert_eq!(json["origins"], serde_json::json!(["*:*"]));
    assert!(json["entropy"].as_u64().unwrap() <= u64::from(u32::MAX));
    assert_ne!(
        json["entropy"],
        host.get("/echo/info").await.json::<serde_json::Value>()["entropy"]
    );
    let missing = host.get("/echo/000/xhr").await;
    assert_eq!((missing.status, missing.text()), (404, "404 Error: Page not found\n"));
}

#[tokio::test]
async fn the_page_for_iframes_is_kept() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    let page = host.get("/echo/iframe-1.6.1.html").await;
    assert!(page.text().contains("<script src=\"/sockjs.js\"></script>"), "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("public, max-age=31536000"));
    assert_eq!(page.header("content-security-policy"), Some("frame-ancestors *"));
    let tag = page.header("etag").unwrap();
    let known = host.request("GET", "/echo/iframe.html", &[("if-none-match", tag)], "").await;
    assert_eq!((known.status, known.text(), known.header("content-type")), (304, "", None));
}

#[tokio::test]
async fn doors_are_shut_by_themselves() {
    let host = Host::tcp(plain(), EngineConfig::default()).await;
    for path in ["/echo/iframe.html", "/echo/000/a/htmlfile?c=x", "/echo/000/a/jsonp?c=x"] {
        assert_eq!(host.get(path).await.status, 404, "{path}");
    }
    assert_eq!(host.post("/echo/000/a/jsonp_send", "d=x").await.status, 404);
    let elsewhere = [("origin", "https://evil.example")];
    for (method, path) in [
        ("GET", "/echo/info"),
        ("POST", "/echo/000/a/xhr"),
        ("POST", "/echo/000/a/xhr_send"),
        ("GET", "/echo/000/a/eventsource"),
        ("OPTIONS", "/echo/000/a/xhr"),
    ] {
        let refused = host.request(method, path, &elsewhere, "").await;
        assert_eq!(refused.status, 403, "{method} {path}");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    let handshake = host.connect().await.upgrade("/echo/000/a/websocket", &elsewhere).await;
    assert!(handshake.is_err());
    assert_eq!(host.app.opened(), 0);
    let own = host.request("POST", "/echo/000/a/xhr", &[("origin", "http://localhost")], "").await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn any_origin_reads_and_brings_cookies_only_when_asked_for() {
    let without = Host::tcp(plain(), any_origin()).await;
    let origin = [("origin", "https://app.example")];
    let info = without.request("GET", "/echo/info", &origin, "").await;
    assert_eq!(info.header("access-control-allow-origin"), Some("*"));
    assert_eq!(info.header("access-control-allow-credentials"), None);
    let with = Host::tcp(open_doors(), any_origin()).await;
    for origin in ["https://app.example", "null"] {
        let info = with.request("GET", "/echo/info", &[("origin", origin)], "").await;
        assert_eq!(info.header("access-control-allow-origin"), Some(origin));
        assert_eq!(info.header("access-control-allow-credentials"), Some("true"));
    }
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "a, b"),
    ];
    let preflight = with.request("OPTIONS", "/echo/000/a/xhr_send", &asked, "").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-methods"), Some("OPTIONS, POST"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("a, b"));
    assert_eq!(preflight.header("access-control-max-age"), Some("31536000"));
    assert_eq!(preflight.header("cache-control"), Some("public, max-age=31536000"));
    assert!(preflight.header("expires").is_some());
}

#[tokio::test]
async fn cookies_keep_a_client_with_its_server() {
    let config = Config { cookie_needed: true, ..open_doors() };
    let host = Host::tcp(config, any_origin()).await;
    let cookie =
        |response: sockeye_testing::raw::Response| response.header("set-cookie").map(str::to_owned);
    let first = host.post("/echo/000/a/xhr", "").await;
    assert_eq!(cookie(first).as_deref(), Some("JSESSIONID=dummy; path=/"));
    let own = [("cookie", "x=1; JSESSIONID=abcdef")];
    let next = host.request("POST", "/echo/000/b/xhr", &own, "").await;
    assert_eq!(cookie(next).as_deref(), Some("JSESSIONID=abcdef; path=/"));
    assert_eq!(cookie(host.get("/echo/info").await), None);
}

#[tokio::test]
async fn what_is_no_message_is_told_so_and_loses_nothing() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    assert_eq!(host.poll("a").await, "o\n");
    for (body, why) in [
        ("", "Payload expected."),
        ("{}", "Payload expected."),
        ("[\"x", "Broken JSON encoding."),
        ("[\"x\",1]", "Broken JSON encoding."),
    ] {
        let refused = host.send("a", body).await;
        assert_eq!((refused.status, refused.text()), (500, why), "{body}");
    }
    assert_eq!(host.app.texts(), [""; 0]);
    assert_eq!(host.send("a", "[\"x\"]").await.status, 204);
    assert_eq!(host.poll("a").await, "a[\"x\"]\n");
}

#[tokio::test]
async fn too_much_ends_its_session_with_a_status() {
    let limits = EngineConfig { payload_bytes_max: 100, ..any_origin() };
    let host = Host::tcp(open_doors(), limits).await;
    assert_eq!(host.poll("a").await, "o\n");
    let large = host.send("a", &format!("[\"{}\"]", "x".repeat(200))).await;
    assert_eq!(large.status, 413);
    host.app.closed().await;
    assert_eq!(host.sockjs.engine().sessions(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_its_session() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    assert_eq!(host.poll("a").await, "o\n");
    let mut peer = host.connect().await;
    let lie = [("content-length", "20")];
    peer.send(sockeye_testing::raw::request("POST", "/echo/000/a/xhr_send", &lie, "[\"x\"]")).await;
    drop(peer);
    host.app.closed().await;
    assert_eq!(host.app.texts(), [""; 0]);
}
