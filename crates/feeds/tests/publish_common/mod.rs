//! A server with the publishing API, and a program that uses it.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use sockeye::{Config, Namespace, Server, Socket};
use sockeye_feeds::publish::{ErrorCode, MemoryKeys, NewKey, Publishing, PublishingConfig};
use sockeye_testing::TestServer;
use sockeye_testing::raw::Response;

/// A key that may do everything.
pub(crate) const KEY: &str = "sk_test_stand_in";

/// The paths of the API with a body that each takes.
pub(crate) const POSTS: [(&str, &str); 5] = [
    ("/api/v1/publish", r#"{"event":"news"}"#),
    ("/api/v1/join", r#"{"everybody":true,"to":"a"}"#),
    ("/api/v1/leave", r#"{"everybody":true,"from":"a"}"#),
    ("/api/v1/disconnect", r#"{"room":"none"}"#),
    ("/api/v1/batch", r#"{"operations":[{"verb":"publish","event":"news"}]}"#),
];
pub(crate) const GETS: [&str; 2] = ["/api/v1/sockets", "/api/v1/rooms"];

pub(crate) struct Api {
    pub(crate) memory: TestServer,
    pub(crate) keys: MemoryKeys,
}

/// The namespaces `/` and `/news`, whose clients join the rooms that they name in their `auth`.
pub(crate) fn api() -> Api {
    api_with(PublishingConfig::default())
}

pub(crate) fn api_with(config: PublishingConfig) -> Api {
    api_on(server(Config::default()), config)
}

pub(crate) fn server(config: Config) -> Server {
    async fn enter(socket: Socket) {
        let rooms: Vec<String> = socket.auth().unwrap_or_default();
        socket.join(&rooms);
    }
    let namespaces = ["/", "/news"].map(|name| {
        Namespace::new(name).on_connected(enter).on(
            "rooms",
            async |socket: Socket, rooms: Vec<String>| {
                socket.join(&rooms);
            },
        )
    });
    let builder = Server::builder().config(config);
    namespaces.into_iter().fold(builder, |b, n| b.namespace(n)).build().unwrap()
}

pub(crate) fn api_on(server: Server, config: PublishingConfig) -> Api {
    let keys = MemoryKeys::new();
    keys.add(NewKey::for_everything("test"), KEY).unwrap();
    Publishing::new(keys.clone()).config(config).mount(&server).unwrap();
    Api { memory: TestServer::new(server), keys }
}

impl Api {
    /// A request with the key and this body.
    pub(crate) async fn post(&self, verb: &str, body: &str) -> Response {
        self.post_with(KEY, verb, body).await
    }

    pub(crate) async fn post_with(&self, key: &str, verb: &str, body: &str) -> Response {
        self.request("POST", &format!("/api/v1/{verb}"), key, body).await
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: &str,
    ) -> Response {
        let request = self.memory.request(method, path).body(body);
        let request = request.header("content-type", "application/json");
        request.header("authorization", &format!("Bearer {key}")).await
    }

    pub(crate) async fn get(&self, target: &str) -> Response {
        let request = self.memory.get(&format!("/api/v1/{target}"));
        request.header("authorization", &format!("Bearer {KEY}")).await
    }

    /// A request of which all is done.
    pub(crate) async fn done(&self, verb: &str, body: &str) -> Value {
        let response = self.post(verb, body).await;
        assert_eq!(response.status, 200, "{verb} {body}: {response:?}");
        response.json()
    }
}

/// An answer is this error in its JSON form.
pub(crate) fn assert_error(response: &Response, code: ErrorCode) {
    assert_eq!(response.status, code.status().as_u16(), "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let body: Value = response.json();
    assert_eq!(body["error"]["code"], code.as_str());
    assert!(body["error"]["message"].as_str().is_some_and(|message| message.len() > 20), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 1);
    assert_eq!(body["error"].as_object().unwrap().len(), 2);
}
