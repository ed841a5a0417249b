//! JSONP, both revisions (SOCKETIO_SURFACE A1.2, A1.3; CVE-2020-8823: nothing of the request may
//! end up in a script but digits).

mod common;

use common::{Heard, Host, Response};
use sockeye_engine::{Config, Origins};

fn config() -> Config {
    Config { allow_eio3: true, jsonp: true, ..Config::default() }
}

/// Whoever serves old clients does not serve scripts by that: a page of any origin can load one, and
/// would read what a visitor is told.
#[tokio::test]
async fn off_unless_asked_for() {
    for allow_eio3 in [false, true] {
        let host = Host::tcp(Config { allow_eio3, ..Config::default() }).await;
        let opened = host.get("/engine.io/?EIO=4&transport=polling").await;
        let sid = common::sid(&opened.text()[1..]);
        let mut requests = Vec::new();
        for revision in [3, 4] {
            for j in ["j=0", "j=", "j", "j=x", "%6a=0", "j=0&j=1"] {
                let open = format!("/engine.io/?EIO={revision}&transport=polling&{j}");
                requests.push(("GET", open.clone()));
                requests.push(("POST", open.clone()));
                requests.push(("GET", format!("{open}&sid={sid}")));
                requests.push(("POST", format!("{open}&sid={sid}")));
                requests.push(("GET", format!("{open}&sid=unknown")));
            }
        }
        for (method, url) in requests {
            let response = host.request(method, &url, &[], b"d=4hello").await;
            response.assert_refused(3, "Bad request");
        }
        // The session that there is heard nothing of it and goes on.
        assert_eq!(host.app.sids(), std::slice::from_ref(&sid));
        let url = format!("/engine.io/?EIO=4&transport=polling&sid={sid}");
        assert_eq!(host.request("POST", &url, &[], b"4hello").await.text(), "ok");
        assert_eq!(host.get(&url).await.text(), "4hello");
        // On a WebSocket the parameter means nothing, and an application may use it.
        assert!(host.websocket("/engine.io/?EIO=4&transport=websocket&j=0").await.is_ok());
    }
}

fn assert_script(response: &Response, expected: &str) {
    assert_eq!((response.status, response.text()), (200, expected));
    assert_eq!(response.header("content-type"), Some("text/javascript; charset=UTF-8"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"));
}

async fn open(host: &Host, revision: u8, j: &str) -> (String, String) {
    let query = format!("/engine.io/?EIO={revision}&transport=polling&j={j}");
    let response = host.get(&query).await;
    let open = response.text().replace("\\\"", "\"");
    assert_script(&response, response.text());
    let sid = common::sid(&open);
    (sid.clone(), format!("{query}&sid={sid}"))
}

#[tokio::test]
async fn answers_are_scripts_and_posts_are_forms() {
    let host = Host::tcp(config()).await;
    let (sid, url) = open(&host, 4, "12").await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = b"d=4a%22b%5Cnc%5C%5Cnd%1EbAQIDBA%3D%3D";
    let response = host.request("POST", &url, &form, body).await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert!(host.app.heard(&sid).contains(&Heard::Text("a\"b\nc\\nd".to_owned())));
    let script = "___eio[12](\"4a\\\"b\\nc\\\\nd\\u001ebAQIDBA==\");";
    assert_script(&host.get(&url).await, script);
}

#[tokio::test]
async fn revision_three_never_answers_with_bytes() {
    let host = Host::tcp(config()).await;
    let (_, url) = open(&host, 3, "0").await;
    host.request("POST", &url, &[], b"d=10%3Ab4AQIDBA%3D%3D2%3A4%E2%82%AC").await;
    assert_script(&host.get(&url).await, "___eio[0](\"10:b4AQIDBA==2:4€\");");
}

#[tokio::test]
async fn only_the_digits_of_the_index_count() {
    let host = Host::tcp(config()).await;
    for j in ["1%3Balert(2)%2F%2F3", "%3Cscript%3E123", "1+2-3"] {
        let response = host.get(&format!("/engine.io/?EIO=4&transport=polling&j={j}")).await;
        assert!(response.text().starts_with("___eio[123](\"0{"), "{}", response.text());
    }
    let response = host.get("/engine.io/?EIO=4&transport=polling&j=").await;
    assert!(response.text().starts_with("___eio[](\"0{"), "{}", response.text());
}

#[tokio::test]
async fn a_form_without_a_payload_does_nothing() {
    let host = Host::tcp(config()).await;
    let (sid, url) = open(&host, 4, "0").await;
    assert_eq!(host.request("POST", &url, &[], b"x=1").await.text(), "ok");
    assert_eq!(host.request("POST", &url, &[], b"d=4still").await.text(), "ok");
    assert_script(&host.get(&url).await, "___eio[0](\"4still\");");
    assert_eq!(host.app.heard(&sid).len(), 2);
}

/// Only where every page may connect.
#[tokio::test]
async fn pages_of_every_origin_may_load_a_script_if_they_may_connect() {
    let host = Host::tcp(Config { origins: Origins::Any, ..config() }).await;
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let url = "/engine.io/?EIO=4&transport=polling&j=0";
    let response = host.request("GET", url, &elsewhere, b"").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cross-origin-resource-policy"), Some("cross-origin"));
    let refused = host.request("GET", &format!("{url}&sid=unknown"), &elsewhere, b"").await;
    assert_eq!(refused.header("cross-origin-resource-policy"), Some("same-origin"));
}

#[tokio::test]
async fn refusals_are_no_scripts() {
    let host = Host::tcp(config()).await;
    let response = host.get("/engine.io/?EIO=4&transport=polling&j=0&sid=unknown").await;
    response.assert_refused(1, "Session ID unknown");
}
