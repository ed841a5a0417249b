use axum::body::Body;
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower_service::Service as _;

use super::*;
use crate::input::{MessageText, Nickname};
use crate::quota::Origin;
use crate::store::{Post, Sender, StoreOptions};

/// One of several addresses.
fn origin(n: u8) -> Origin {
    Origin::of(Some([192, 0, 2, n].into()))
}

struct Fixture {
    site: Arc<Site>,
    router: Router,
    data: TempDir,
}

impl Fixture {
    async fn new(with_ui: bool) -> Self {
        let data = TempDir::new().unwrap();
        let ui = if with_ui {
            let dist = data.path().join("dist");
            std::fs::create_dir_all(dist.join("assets")).unwrap();
            std::fs::write(dist.join("index.html"), "<html><!--boot--></html>").unwrap();
            std::fs::write(dist.join("assets/index-1.js"), "1").unwrap();
            std::fs::write(dist.join("favicon.svg"), "<svg/>").unwrap();
            Ui::from_folder(&dist).unwrap()
        } else {
            Ui::default()
        };
        let store = Arc::new(Store::open(data.path(), StoreOptions::default()).await.unwrap());
        let site = Arc::new(Site::new(store, Arc::default(), ui));
        Fixture { router: Arc::clone(&site).router(), site, data }
    }

    async fn say(&self, room: &str, text: &str) {
        let post = Post {
            room: RoomName::parse(room).unwrap(),
            name: Nickname::parse("나").unwrap(),
            text: MessageText::parse(text.to_owned()).unwrap(),
            key: None,
            sender: Sender::from(origin(1)),
            origin: origin(1),
        };
        self.site.store.post(post, |posted| assert!(posted.is_ok())).await.unwrap();
        self.site.store.settled().await;
    }

    async fn get(&mut self, path: &str) -> (StatusCode, Response<()>, String) {
        self.send("GET", path).await
    }

    async fn body(&mut self, path: &str) -> Bytes {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = self.router.call(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }

    async fn send(&mut self, method: &str, path: &str) -> (StatusCode, Response<()>, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = self.router.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (parts.status, Response::from_parts(parts, ()), text)
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let mut fixture = Fixture::new(true).await;
    let paths =
        ["/", "/room", "/room/x", "/nothing", "/assets/index-1.js", "/healthz", "/api/rooms"];
    for path in paths {
        let (_, response, _) = fixture.get(path).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
    }
}

#[tokio::test]
async fn rooms_are_listed_with_people_and_newest_message() {
    let mut fixture = Fixture::new(true).await;
    fixture.say("오래된 방", "1").await;
    fixture.say("방/2", "<script>alert(1)</script>").await;
    let people = Arc::clone(&fixture.site.people);
    let name = Nickname::parse("나").unwrap();
    for room in ["새 방", "방/2"] {
        people.enter(&RoomName::parse(room).unwrap(), &name, origin(2)).unwrap();
    }
    let (status, response, json) = fixture.get("/api/rooms").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    let rooms: Vec<RoomSummary> = serde_json::from_str(&json).unwrap();
    let listed: Vec<_> = rooms
        .iter()
        .map(|room| (room.name.as_str(), room.people, room.last.as_ref().map(|m| m.msg.as_str())))
        .collect();
    let script = Some("<script>alert(1)</script>");
    assert_eq!(
        listed,
        [("lobby", 0, None), ("새 방", 1, None), ("방/2", 1, script), ("오래된 방", 0, Some("1"))]
    );

    let (_, _, html) = fixture.get("/").await;
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(html.contains("<a href=\"/room\">lobby</a>"), "{html}");
    assert!(html.contains("<a href=\"/room/%EB%B0%A9%2F2\">방/2</a>"), "{html}");
    assert!(
        html.contains(r#"<script id="boot" type="application/json">{"page":"rooms""#),
        "{html}"
    );
}

#[tokio::test]
async fn room_names_come_from_the_address() {
    let mut fixture = Fixture::new(true).await;
    for (path, room) in [
        ("/room", "lobby"),
        ("/room/%EC%9A%B0%EB%A6%AC%20%EB%B0%A9", "우리 방"),
        ("/room/a%2Fb", "a/b"),
        ("/room/100%25", "100%"),
        ("/room/a+b", "a+b"),
        ("/room/%20x%20", "x"),
        ("/room/%E1%84%87%E1%85%A1%E1%86%BC", "방"),
    ] {
        let (status, _, html) = fixture.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let boot = format!(r#"{{"page":"room","room":"{room}","lab":false}}"#);
        assert!(html.contains(&boot), "{path}: {html}");
    }
    let long = format!("/room/{}", "x".repeat(crate::input::ROOM_CHARS_MAX + 1));
    for path in [
        "/room/%FF",
        "/room/%20",
        "/room/a%00b",
        "/room/a%E2%80%8Bb",
        "/room/a/b",
        "/room/%2E%2E",
        &long,
    ] {
        let (status, _, html) = fixture.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(html.contains(r#"{"page":"missing"}"#), "{path}");
    }
    let (status, response, _) = fixture.get("/room/").await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "/room");
}

#[tokio::test]
async fn files_are_served_with_their_type_and_unknown_paths_are_not() {
    let mut fixture = Fixture::new(true).await;
    let (status, response, body) = fixture.get("/assets/index-1.js").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "1"));
    assert_eq!(response.headers()["content-type"], "text/javascript; charset=utf-8");
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let (_, response, _) = fixture.get("/favicon.svg").await;
    assert_eq!(response.headers()["cache-control"], "no-cache");
    for path in ["/index.html", "/assets/", "/assets/../favicon.svg", "/..%2f..%2fetc/passwd", "/x"]
    {
        assert_eq!(fixture.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(fixture.send("POST", "/favicon.svg").await.0, StatusCode::NOT_FOUND);
    assert_eq!(fixture.send("POST", "/").await.0, StatusCode::METHOD_NOT_ALLOWED);
    let (status, _, body) = fixture.send("HEAD", "/").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn without_the_page_it_says_how_to_build_it() {
    let mut fixture = Fixture::new(false).await;
    fixture.say("방", "<b>").await;
    for path in ["/", "/room", "/room/x"] {
        let (status, response, html) = fixture.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert!(html.contains("cargo xtask serve"), "{path}");
    }
    let (_, _, html) = fixture.get("/").await;
    assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{html}");
    let (status, _, html) = fixture.get("/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("All rooms"), "{html}");
}

#[tokio::test]
async fn health_follows_the_server() {
    let mut fixture = Fixture::new(false).await;
    let (status, _, body) = fixture.get("/healthz").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "ok"));
    let file = fixture.data.path().join(crate::store::FILE_NAME);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let (status, _, body) = fixture.get("/healthz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, "messages cannot be stored: the database is not in its place any more");
    std::fs::rename(&away, &file).unwrap();
    while fixture.get("/healthz").await.0 != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    fixture.site.stop();
    assert_eq!(fixture.get("/healthz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

/// A room that somebody sits in without a word is listed too, and costs nothing to make.
#[tokio::test]
async fn those_who_sit_in_many_empty_rooms_push_no_other_off_the_list() {
    let mut fixture = Fixture::new(false).await;
    fixture.say("기획팀", "안녕").await;
    fixture.say(FIRST_ROOM, "first").await;
    let name = Nickname::parse("나").unwrap();
    for n in 0..2 * ROOMS_LISTED_MAX {
        let room = RoomName::parse(&format!("empty {n}e")).unwrap();
        fixture.site.people.enter(&room, &name, origin(2)).unwrap();
    }
    let friends = RoomName::parse("friends").unwrap();
    fixture.site.people.enter(&friends, &name, origin(3)).unwrap();
    let (_, _, json) = fixture.get("/api/rooms").await;
    let rooms: Vec<RoomSummary> = serde_json::from_str(&json).unwrap();
    assert_eq!(rooms.len(), ROOMS_LISTED_MAX as usize);
    assert_eq!(rooms[0].last.as_ref().unwrap().msg, "first");
    for expected in ["기획팀", "friends"] {
        assert!(rooms.iter().any(|room| room.name == expected), "{expected}");
    }
}

/// Those who ask may take their time to take it, on a hundred streams of a connection.
#[tokio::test]
async fn the_list_of_rooms_is_held_once_however_many_ask() {
    let mut fixture = Fixture::new(true).await;
    for path in ["/", "/api/rooms"] {
        let [a, b] = [fixture.body(path).await, fixture.body(path).await];
        assert_eq!(a.as_ptr(), b.as_ptr(), "{path}");
    }
    fixture.say("새 방", "안녕").await;
    let renewed = async { while !fixture.get("/").await.2.contains("새 방") {} };
    tokio::time::timeout(2 * LIST_VALIDITY, renewed).await.expect("it follows what is said");
}
