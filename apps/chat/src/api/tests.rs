//! A chat in memory with people's browsers, for the tests of all features, and what holds for every request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sockeye::{Namespace, Server, ServerBuilder, Socket};
use sockeye_testing::raw::Response;
use sockeye_testing::{TestBrowser, TestClient, TestServer};
use tempfile::TempDir;

use super::*;
use crate::accounts::contract::{Me, Role};
use crate::address::Reach;
use crate::app::tests::app;
use crate::cli::{Cli, Command};
use crate::conversation;
use crate::notes::handlers as notes;
use crate::rooms::list;
use crate::site::Site;
use crate::ui::Ui;

/// The password of everybody who has one.
pub(crate) const PASSWORD: &str = "correct horse";

/// The chat in memory.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) server: TestServer,
    addresses: AtomicU8,
    pub(crate) data: TempDir,
}

/// Somebody's browser, at an address of its own.
pub(crate) struct Browser {
    pub(crate) inner: TestBrowser,
}

impl House {
    pub(crate) async fn new() -> Self {
        House::with("").await
    }

    /// The same with options of `sockeye serve`.
    pub(crate) async fn with(options: &str) -> Self {
        House::build(options, |server, app| {
            let admitted = |path| {
                let accounts = app.accounts.clone();
                Namespace::new(path).on_connect(move |socket: Socket| {
                    let accounts = accounts.clone();
                    async move { accounts.admit(&socket).await }
                })
            };
            server
                .namespace(Namespace::new("/"))
                .namespace(admitted("/rooms"))
                .namespace(admitted("/chat"))
        })
        .await
    }

    /// With all that goes on in the namespaces.
    pub(crate) async fn whole() -> Self {
        House::build("", |server, _| {
            let server = server.namespace(notes::namespace()).namespace(list::namespace());
            server.namespace(conversation::namespace())
        })
        .await
    }

    async fn build(
        options: &str,
        namespaces: impl FnOnce(ServerBuilder<App>, &App) -> ServerBuilder<App>,
    ) -> Self {
        use clap::Parser as _;

        let data = TempDir::new().unwrap();
        let line = format!("sockeye serve {options}");
        let Command::Serve(args) = Cli::parse_from(line.split_whitespace()).into_command() else {
            panic!("{line}")
        };
        let reach = Reach::of(&args, "http", 3000, args.host.is_none());
        let app = App { reach: Arc::new(reach), ..app(data.path()).await };
        let mut config = sockeye::Config::default();
        config.engine.trusted_proxies = args.trusted_proxies;
        let server = Server::builder().config(config).state(app.clone());
        let server = namespaces(server, &app).build().unwrap();
        app.accounts.connect(server.io());
        let site = Arc::new(Site::new(app.clone(), Ui::default()));
        let sockets = server.clone().into_service();
        let router = site.router().route_service("/socket.io/", sockets);
        let server = TestServer::with_service(server, router);
        House { app, server, addresses: AtomicU8::new(1), data }
    }

    /// Nobody, at a new address.
    pub(crate) fn browser(&self) -> Browser {
        let last = self.addresses.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from(([192, 0, 2, last], 5_000));
        Browser { inner: self.server.browser().address(address) }
    }

    /// Somebody with an account, logged in.
    pub(crate) async fn account(&self, name: &str, role: Role) -> Browser {
        self.app.accounts.create(name, PASSWORD, role).await.unwrap();
        let browser = self.browser();
        browser.log_in(name).await;
        browser
    }

    /// A guest.
    pub(crate) async fn guest(&self, name: &str) -> Browser {
        let browser = self.browser();
        browser.post("/api/guests", &json!({ "name": name })).await.ok();
        browser
    }
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
}

impl Answer {
    /// It was done.
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.response.status), "{self:?}");
        if self.response.status == 204 { Value::Null } else { self.json() }
    }

    /// It was done, and answered with this.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.ok()).unwrap()
    }

    /// It was refused: with this status and code.
    pub(crate) fn refused(&self) -> (u16, String) {
        let code = &self.json()["error"]["code"];
        (self.response.status, code.as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned())
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.response.text()).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn set_cookie(&self) -> Option<String> {
        self.response.headers("set-cookie").next().map(str::to_owned)
    }
}

impl Browser {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer { response: self.inner.get(path).header("host", "localhost:3000").await }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.inner.request(method, path).header("host", "localhost:3000");
        Answer { response: request.header("sec-fetch-site", "same-origin").json(body).await }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &Value::Null).await
    }

    pub(crate) async fn log_in(&self, name: &str) -> Me {
        let request = json!({ "name": name, "password": PASSWORD });
        self.post("/api/login", &request).await.read()
    }

    /// Who this browser is.
    pub(crate) async fn me(&self) -> Option<Me> {
        serde_json::from_value(self.get("/api/me").await.ok()["me"].clone()).unwrap()
    }

    pub(crate) fn cookie(&self) -> Option<String> {
        self.inner.cookie("sockeye")
    }

    /// A socket of this browser, if it is let in.
    pub(crate) async fn socket(&self, namespace: &str) -> Option<TestClient> {
        self.inner.client().namespace(namespace).connect().await.ok()
    }
}

/// Every request that changes something, or looks as if it did.
const CHANGES: [(&str, &str); 30] = [
    ("POST", "/api/setup"),
    ("POST", "/api/login"),
    ("POST", "/api/guests"),
    ("POST", "/api/signup"),
    ("POST", "/api/reset"),
    ("POST", "/api/logout"),
    ("POST", "/api/logout-everywhere"),
    ("PUT", "/api/profile"),
    ("PUT", "/api/password"),
    ("POST", "/api/account/close"),
    ("DELETE", "/api/sessions/x"),
    ("PUT", "/api/blocks/x"),
    ("DELETE", "/api/blocks/x"),
    ("POST", "/api/invitations/look"),
    ("POST", "/api/invitations"),
    ("DELETE", "/api/invitations/x"),
    ("POST", "/api/invitations/accept"),
    ("POST", "/api/passkeys/register/begin"),
    ("POST", "/api/passkeys/register/finish"),
    ("POST", "/api/passkeys/login/begin"),
    ("POST", "/api/passkeys/login/finish"),
    ("DELETE", "/api/passkeys/x"),
    ("PUT", "/api/admin/people/x"),
    ("POST", "/api/admin/people/x/reset"),
    ("POST", "/api/admin/people/x/end-sessions"),
    ("POST", "/api/admin/people/x/close"),
    ("DELETE", "/api/admin/rooms/x"),
    ("PUT", "/api/admin/settings"),
    ("POST", "/api/rooms/x/pictures"),
    ("POST", "/api/nothing"),
];

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let house = House::with("--public-url https://chat.example").await;
    let nobody = house.browser();
    for (method, path) in CHANGES {
        for (headers, is_own) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            // Behind a proxy that makes another host of the address; the browser knows.
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://other.example")], true),
            (&[("origin", "http://localhost:3000")], true),
            (&[("origin", "https://chat.example")], true),
            (&[], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:3000")], false),
            (&[("origin", "http://localhost:4000")], false),
            (&[("origin", "http://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://chat.example.evil.example")], false),
            (&[("origin", "https://chat.example"), ("origin", "https://evil.example")], false),
        ] {
            let request = nobody.inner.request(method, path).header("host", "localhost:3000");
            let request =
                headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let answer = Answer { response: request.json("x").await };
            let is_let_through = answer.response.status != 403 || answer.refused().1 != "forbidden";
            assert_eq!(is_let_through, is_own, "{method} {path} {headers:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn forms_of_other_sites_change_nothing_either() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Owner).await;
    for (method, path) in CHANGES {
        for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            let request = ann.inner.request(method, path).header("host", "localhost:3000");
            let answer = Answer { response: request.header("content-type", kind).body("{}").await };
            assert_eq!(answer.refused(), (400, "bad_request".to_owned()), "{method} {path} {kind}");
        }
    }
    assert!(ann.me().await.is_some(), "she is still logged in");
    let request = ann.inner.post("/api/logout").header("host", "localhost:3000");
    let kind = "Application/JSON; charset=utf-8";
    assert_eq!(request.header("content-type", kind).await.status, 204);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_nothing_is_kept_by_anybody() {
    let house = House::new().await;
    let ann = house.browser();
    let long = "x".repeat(BODY_BYTES_MAX);
    for (body, problem) in [
        ("", "the body: EOF while parsing"),
        ("{", "the body: EOF while parsing"),
        ("[]", "the body: "),
        (r#"{"name":"a"}"#, "missing field `password`"),
        (r#"{"name":1,"password":"x"}"#, "invalid type: integer `1`"),
        (&format!(r#"{{"name":"{long}","password":""}}"#), "longer than 16384 bytes"),
    ] {
        let request = ann.inner.post("/api/login").header("content-type", "application/json");
        let answer = Answer { response: request.body(body).await };
        assert_eq!(answer.refused(), (400, "bad_request".to_owned()), "{answer:?}");
        assert!(answer.response.text().contains(problem), "{answer:?}");
    }
    let longest = format!(r#"{{"name":"a","password":"{}"}}"#, "x".repeat(BODY_BYTES_MAX - 26));
    assert_eq!(longest.len(), BODY_BYTES_MAX);
    let request = ann.inner.post("/api/login").header("content-type", "application/json");
    let answer = Answer { response: request.body(longest).await };
    assert_eq!(answer.refused(), (403, "wrong_login".to_owned()));
    for path in ["/api/me", "/api/sessions", "/api/nothing", "/api"] {
        let answer = ann.get(path).await;
        assert_eq!(answer.response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.response.header("content-type"), Some("application/json"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::new(axum::body::Body::from_stream(never));
    let before = tokio::time::Instant::now();
    let refused = Json::<Value>::from_request(request, &()).await.unwrap_err();
    assert_eq!(before.elapsed(), BODY_TIMEOUT);
    assert_eq!(refused.into_response().status(), StatusCode::REQUEST_TIMEOUT);
}

/// Nobody, somebody whose session is over, a guest, a member, a moderator and an owner ask for everything, for what
/// exists and for what does not.
#[tokio::test]
async fn everybody_is_told_only_what_is_for_them() {
    let house = House::new().await;
    let owner = house.account("Olga", Role::Owner).await;
    let invitation = owner.post("/api/invitations", &json!({ "role": "member" })).await.ok();
    let (id, session) = (&invitation["invitation"]["id"], owner.me().await.unwrap().session);
    let id = id.as_str().unwrap();
    let over = house.account("Otto", Role::Member).await;
    house.app.accounts.end_sessions(&over.me().await.unwrap().person.id).await.unwrap();
    let everybody = [
        house.browser(),
        over,
        house.guest("Gast").await,
        house.account("Mia", Role::Member).await,
        house.account("Moritz", Role::Moderator).await,
        house.account("Otilie", Role::Owner).await,
    ];
    let invite = json!({ "role": "member" });
    let profile = json!({ "colour": 1 });
    let code = json!({ "code": "x" });
    let nothing = Value::Null;
    let nobody = (401, "unauthorized");
    let forbidden = (403, "forbidden");
    let gone = (404, "gone");
    let over = (404, "invitation_over");
    let guest = (403, "guest_owns_nothing");
    let done = (200, "");
    let none = (204, "");
    let change = json!({ "old": "wrong password", "new": "right password" });
    let wrong = (403, "wrong_password");
    let elses = format!("/api/sessions/{session}");
    let revoked = format!("/api/invitations/{id}");
    for (method, path, body, expected) in [
        ("GET", "/api/me", &nothing, [done; 6]),
        ("GET", "/api/sessions", &nothing, [nobody, nobody, done, done, done, done]),
        ("DELETE", &*elses, &nothing, [nobody, nobody, gone, gone, gone, gone]),
        ("DELETE", "/api/sessions/x", &nothing, [nobody, nobody, gone, gone, gone, gone]),
        ("PUT", "/api/profile", &profile, [nobody, nobody, done, done, done, done]),
        ("PUT", "/api/password", &change, [nobody, nobody, guest, wrong, wrong, wrong]),
        ("PUT", "/api/blocks/x", &nothing, [nobody, nobody, gone, gone, gone, gone]),
        ("DELETE", "/api/blocks/x", &nothing, [nobody, nobody, none, none, none, none]),
        ("POST", "/api/invitations", &invite, [nobody, nobody, guest, forbidden, done, done]),
        ("GET", "/api/invitations", &nothing, [nobody, nobody, forbidden, forbidden, done, done]),
        (
            "DELETE",
            "/api/invitations/x",
            &nothing,
            [nobody, nobody, forbidden, forbidden, gone, gone],
        ),
        ("DELETE", &*revoked, &nothing, [nobody, nobody, forbidden, forbidden, none, gone]),
        ("POST", "/api/invitations/accept", &code, [nobody, nobody, over, over, over, over]),
        ("POST", "/api/invitations/look", &code, [over; 6]),
        (
            "POST",
            "/api/setup",
            &json!({ "code": "x", "name": "x", "password": PASSWORD }),
            [gone; 6],
        ),
        ("POST", "/api/reset", &json!({ "code": "x", "password": PASSWORD }), [gone; 6]),
        (
            "POST",
            "/api/signup",
            &json!({ "code": "x", "name": "x", "password": PASSWORD }),
            [over; 6],
        ),
        ("POST", "/api/logout", &nothing, [nobody, nobody, none, none, none, none]),
    ] {
        for (browser, expected) in everybody.iter().zip(expected) {
            let answer = match method {
                "GET" => browser.get(path).await,
                _ => browser.ask(method, path, body).await,
            };
            let told = match answer.response.status {
                status @ 200..300 => (status, String::new()),
                _ => answer.refused(),
            };
            assert_eq!((told.0, &*told.1), expected, "{method} {path}");
        }
    }
}
