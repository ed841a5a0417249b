//! What a page of another origin makes a browser ask without saying who asks: `<script>`, `<img>`,
//! links, forms. It opens nothing, and reads no answer.

mod common;

use common::Host;
use sockeye_engine::{Config, Cors, Origins};

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

#[tokio::test]
async fn what_a_page_elsewhere_loads_is_refused_and_opens_nothing() {
    let listed = Origins::SameOriginOr(vec!["https://app.example.com".parse().unwrap()]);
    for origins in [Origins::SameOrigin, listed] {
        let config = Config { origins, jsonp: true, allow_eio3: true, ..Config::default() };
        let host = Host::tcp(config).await;
        let opened = host.get(OPEN).await;
        let sid = common::sid(&opened.text()[1..]);
        for site in ["cross-site", "same-site"] {
            let headers = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")];
            for url in [
                OPEN.to_owned(),
                format!("{OPEN}&j=0"),
                format!("{}&j=0", OPEN.replace("EIO=4", "EIO=3")),
                format!("{OPEN}&sid={sid}"),
            ] {
                let response = host.request("GET", &url, &headers, b"").await;
                response.assert_refused(4, "Forbidden");
            }
            let url = format!("{OPEN}&sid={sid}");
            host.request("POST", &url, &headers, b"4x").await.assert_refused(4, "Forbidden");
            let refused = host.websocket_with(WEBSOCKET, &headers).await.err().unwrap();
            refused.assert_upgrade_refused("Forbidden");
        }
        assert_eq!(host.app.sids(), [sid]);
    }
}

#[tokio::test]
async fn the_own_page_a_person_and_programs_are_let_in() {
    let host = Host::tcp(Config::default()).await;
    for site in ["same-origin", "none"] {
        let headers = [("sec-fetch-site", site)];
        assert_eq!(host.request("GET", OPEN, &headers, b"").await.status, 200, "{site}");
        assert!(host.websocket_with(WEBSOCKET, &headers).await.is_ok(), "{site}");
    }
    // A script of a page elsewhere says who asks: its origin decides.
    let origins = Origins::SameOriginOr(vec!["https://app.example.com".parse().unwrap()]);
    let cors = Some(Cors::default());
    let host = Host::tcp(Config { origins, cors, ..Config::default() }).await;
    let headers = [("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")];
    assert_eq!(host.request("GET", OPEN, &headers, b"").await.status, 200);
    let host = Host::tcp(Config { origins: Origins::Any, ..Config::default() }).await;
    assert_eq!(host.request("GET", OPEN, &headers[..1], b"").await.status, 200);
}

/// A browser hands no answer, whatever its status, to a page of another origin that only loads it.
#[tokio::test]
async fn every_answer_is_for_pages_of_this_origin() {
    let config =
        Config { cors: Some(Cors::default()), payload_bytes_max: 100, ..Config::default() };
    let host = Host::tcp(config).await;
    let opened = host.get(OPEN).await;
    let session = format!("{OPEN}&sid={}", common::sid(&opened.text()[1..]));
    let other = host.get(OPEN).await;
    let other = format!("{OPEN}&sid={}", common::sid(&other.text()[1..]));
    let mut seen = vec![opened.status];
    for (method, url, headers, body) in [
        ("POST", session.as_str(), &[][..], &b"4hello"[..]),
        ("GET", &session, &[], b""),
        ("PUT", &session, &[], b""),
        ("POST", &session, &[], &[b'4'; 101]),
        ("POST", &other, &[("content-type", "application/octet-stream")], b"4"),
        ("GET", "/engine.io/?EIO=9&transport=polling", &[], b""),
        ("GET", OPEN, &[("origin", "https://evil.example")], b""),
        ("OPTIONS", OPEN, &[("origin", "https://evil.example")], b""),
        ("GET", "/elsewhere", &[], b""),
        ("GET", WEBSOCKET, &[("upgrade", "websocket"), ("connection", "upgrade")], b""),
        (
            "GET",
            WEBSOCKET,
            &[
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
            b"",
        ),
    ] {
        let response = host.request(method, url, headers, body).await;
        let policy = response.header("cross-origin-resource-policy");
        assert_eq!(policy, Some("same-origin"), "{method} {url} {response:?}");
        seen.push(response.status);
    }
    assert_eq!(seen, [200, 200, 200, 500, 413, 400, 400, 403, 204, 404, 400, 101]);
}
