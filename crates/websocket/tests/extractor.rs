//! The axum extractor.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, StatusCode};
use sockeye_websocket::{
    Acceptor, ConnectError, Connector, HttpServer, Message, WebSocketUpgrade, bind, connect,
};

async fn greet(
    State(greeting): State<&'static str>,
    Path(name): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if name == "nobody" {
        return (StatusCode::FORBIDDEN, "not you").into_response();
    }
    let upgrade =
        upgrade.header(HeaderName::from_static("x-greeted"), HeaderValue::from_str(&name).unwrap());
    let protocol = upgrade.protocol().unwrap_or("none").to_owned();
    upgrade.on_open(async move |socket| {
        socket.send(format!("{greeting} {name} {protocol}").as_str()).await.unwrap();
    })
}

#[tokio::test]
async fn beside_other_routes_with_state() {
    let router = Router::new()
        .route("/greet/{name}", any(greet))
        .layer(Extension(Acceptor::new().protocols(["v1"])))
        .route("/page", get("hello"))
        .with_state("hi");
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(HttpServer::new(listeners, router).into_future());

    let url = format!("ws://{address}/greet/ann");
    let (mut socket, head) = Connector::new().protocols(["v1"]).connect(&url).await.unwrap();
    assert_eq!(head.headers()["x-greeted"], "ann");
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text("hi ann v1".to_owned())));
    for (path, status) in [("greet/nobody", 403), ("page", 200), ("none", 404)] {
        let refused = connect(&format!("ws://{address}/{path}")).await.unwrap_err();
        let ConnectError::Response(error) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}
