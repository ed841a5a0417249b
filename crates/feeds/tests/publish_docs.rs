//! The description of the API and the page to try it: complete, self-contained, and true.

#![cfg(feature = "publishing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod publish_common;

use std::collections::BTreeSet;

use publish_common::{GETS, KEY, POSTS, api, api_on, api_with, assert_error, server};
use serde_json::Value;
use sockeye::Config;
use sockeye_feeds::publish::{ErrorCode, MemoryKeys, Publishing, PublishingConfig};
use sockeye_testing::TestServer;

const GUIDE: &str = include_str!("../guide/publishing.md");

#[tokio::test(start_paused = true)]
async fn every_path_and_every_code_is_described() {
    let api = api();
    let response = api.memory.get("/api/v1/openapi.json").await;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    let document: Value = response.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "/api/v1");

    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (method.clone(), format!("/api/v1{path}"))).collect::<Vec<_>>()
        })
        .collect();
    let posts = POSTS.iter().map(|(path, _)| ("post".to_owned(), (*path).to_owned()));
    let gets = GETS.iter().map(|path| ("get".to_owned(), (*path).to_owned()));
    assert_eq!(described, posts.chain(gets).collect());

    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let schema = &document["components"]["schemas"]["Error"]["properties"]["error"];
    assert_eq!(schema["properties"]["code"]["enum"], serde_json::json!(codes));
    for code in ErrorCode::ALL {
        let status = code.status().as_u16().to_string();
        let name = format!("`{}`", code.as_str());
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|item| item.as_object().unwrap().values());
        let with = operations.filter(|operation| {
            let text = &operation["responses"][&status]["description"];
            text.as_str().is_some_and(|text| text.contains(&name))
        });
        assert!(with.count() > 0, "{name} is described at no path");
    }
}

/// References lead somewhere, and the examples are answered with 200.
#[tokio::test(start_paused = true)]
async fn the_description_is_true() {
    let api = api();
    let document: Value = api.memory.get("/api/v1/openapi.json").await.json();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("post") else { continue };
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = document.pointer(&schema.as_str().unwrap()[1..]).unwrap();
        for example in schema["examples"].as_array().unwrap() {
            let answer: Value = api.done(path.trim_start_matches('/'), &example.to_string()).await;
            let results = answer["results"].as_array().map_or(&[][..], |results| results);
            assert!(results.iter().all(|result| result.get("error").is_none()), "{answer}");
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.push(reference.clone());
            }
            members.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn the_guide_has_every_code_with_its_status() {
    for code in ErrorCode::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
        assert_eq!(
            GUIDE.matches(&row).count(),
            1,
            "docs/guide/publishing.md needs a row `{row} .. |`"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_has_nothing_from_elsewhere_and_keeps_no_key() {
    let api = api();
    // Relative to what was asked for, so that it leads there behind a proxy with a path of its own too.
    for (path, location) in [("/api/v1", "v1/docs"), ("/api/v1/", "docs")] {
        let response = api.memory.get(path).await;
        assert_eq!((response.status, response.header("location")), (308, Some(location)));
    }
    let page = api.memory.get("/api/v1/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    ));
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    let script = api.memory.get("/api/v1/docs.js").await;
    let style = api.memory.get("/api/v1/docs.css").await;
    for (response, content_type) in
        [(&page, "text/html"), (&script, "text/javascript"), (&style, "text/css")]
    {
        assert_eq!(response.status, 200);
        assert!(response.header("content-type").unwrap().starts_with(content_type));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        for elsewhere in ["http:", "https:", "//cdn", "url(", "@import"] {
            assert!(!response.text().contains(elsewhere), "{content_type}: {elsewhere}");
        }
    }
    for kept in ["localStorage", "sessionStorage", "cookie", "indexedDB", "innerHTML", "eval("] {
        assert!(!script.text().contains(kept), "{kept}");
    }
    assert!(!page.text().contains("<style") && !page.text().contains(" style="));
    assert_eq!(page.text().matches("<script").count(), 1);
    assert!(style.text().contains("light-dark(") && page.text().contains("width=device-width"));

    let response = api.request("POST", "/api/v1/docs", KEY, "{}").await;
    assert_error(&response, ErrorCode::MethodNotAllowed);
    assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[tokio::test(start_paused = true)]
async fn it_can_be_left_out_and_lie_elsewhere() {
    let api = api_with(PublishingConfig { has_docs: false, ..Default::default() });
    for path in ["/api/v1", "/api/v1/", "/api/v1/docs", "/api/v1/docs.js", "/api/v1/openapi.json"] {
        assert_error(&api.request("GET", path, KEY, "").await, ErrorCode::UnknownRoute);
    }
    let elsewhere = server(Config::default());
    Publishing::new(MemoryKeys::new()).path("/shop").mount(&elsewhere).unwrap();
    let memory = TestServer::new(elsewhere);
    assert_eq!(memory.get("/shop").await.header("location"), Some("shop/docs"));
    let document: Value = memory.get("/shop/openapi.json").await.json();
    assert_eq!(document["servers"][0]["url"], "/shop");
    let described = api_on(
        server(Config::default()),
        PublishingConfig { operations_max: 7, ..Default::default() },
    );
    let document: Value = described.memory.get("/api/v1/openapi.json").await.json();
    let operations = &document["components"]["schemas"]["Batch"]["properties"]["operations"];
    assert_eq!(operations["maxItems"], 7);
}
