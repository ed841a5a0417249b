use axum::body::Body;
use axum::http::request;
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower_service::Service as _;

use super::*;
use crate::app::tests::app;

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
            let image = "<meta property=\"og:image\" content=\"/preview.png\" />";
            let index = format!("<html>{image}<!--boot--></html>");
            std::fs::write(dist.join("index.html"), index).unwrap();
            std::fs::write(dist.join("assets/index-1.js"), "1").unwrap();
            std::fs::write(dist.join("favicon.svg"), "<svg/>").unwrap();
            Ui::from_folder(&dist).unwrap()
        } else {
            Ui::default()
        };
        let site = Arc::new(Site::new(app(data.path()).await, ui));
        Fixture { router: Arc::clone(&site).router(), site, data }
    }

    async fn get(&mut self, path: &str) -> (StatusCode, Response<()>, String) {
        self.send("GET", path).await
    }

    async fn send(&mut self, method: &str, path: &str) -> (StatusCode, Response<()>, String) {
        self.answer(Request::builder().method(method).uri(path)).await
    }

    async fn answer(&mut self, request: request::Builder) -> (StatusCode, Response<()>, String) {
        let request = request.body(Body::empty()).unwrap();
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
    let paths = [
        "/",
        "/room/x",
        "/nothing",
        "/assets/index-1.js",
        "/healthz",
        "/readyz",
        "/metrics",
        "/robots.txt",
        "/api/me",
        "/api/x",
    ];
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
async fn every_address_of_the_page_answers_with_it_and_no_other_does() {
    let mut fixture = Fixture::new(true).await;
    for path in [
        "/",
        "/room",
        "/room/x",
        "/room/%EB%B0%A9",
        "/room/x/12",
        "/invite",
        "/reset",
        "/setup",
        "/login",
    ] {
        let (status, response, html) = fixture.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(response.headers()["cache-control"], "private, no-cache", "{path}");
        assert!(html.contains(r#""is_missing":false"#), "{path}: {html}");
    }
    for path in ["/room/a/b", "/room/a/0", "/room/a/1/2", "/nothing"] {
        let (status, _, html) = fixture.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(html.contains(r#""is_missing":true"#), "{path}");
    }
    for path in ["/api", "/api/nothing"] {
        let (status, _, json) = fixture.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(json.contains(r#""code":"gone""#), "{path}: {json}");
    }
    let (status, response, _) = fixture.get("/room/").await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "/room");
    let (status, _, text) = fixture.get("/robots.txt").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, ROBOTS));
}

/// Crawlers take the picture of a preview at a whole address only.
#[tokio::test]
async fn the_picture_of_a_preview_is_at_the_address_that_was_asked_for() {
    let mut fixture = Fixture::new(true).await;
    let mut image_at = async |host: &str| {
        let request = Request::builder().uri("/room/x").header("host", host);
        let (status, _, html) = fixture.answer(request).await;
        assert_eq!(status, StatusCode::OK, "{host}");
        assert!(!html.contains("alert"), "{html}");
        let (_, value) = html.split_once("property=\"og:image\" content=\"").unwrap();
        value.split_once('"').unwrap().0.to_owned()
    };
    assert_eq!(image_at("Chat.Example").await, "http://chat.example/preview.png");
    assert_eq!(image_at("192.0.2.7:3000").await, "http://192.0.2.7:3000/preview.png");
    assert_eq!(image_at("[2001:db8::1]:3000").await, "http://[2001:db8::1]:3000/preview.png");
    for hostile in [
        "x\"><script>alert(1)</script>",
        "x\" onload=\"alert(1)",
        "chat.example/alert?",
        "chat.example#alert",
        "alert@chat.example",
        "chat.example&quot;alert",
        "a b",
        "",
    ] {
        assert_eq!(image_at(hostile).await, "http://localhost/preview.png", "{hostile}");
    }
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
    for path in ["/", "/room", "/room/x"] {
        let (status, response, html) = fixture.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert!(html.contains("cargo xtask serve"), "{path}");
    }
    let (status, _, html) = fixture.get("/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("All rooms"), "{html}");
}

#[tokio::test]
async fn health_follows_the_server() {
    let mut fixture = Fixture::new(false).await;
    let (status, _, body) = fixture.get("/readyz").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "ok"));
    let file = fixture.data.path().join(crate::store::FILE_NAME);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let (status, _, body) = fixture.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, "messages cannot be stored: the database is not in its place any more");
    std::fs::rename(&away, &file).unwrap();
    while fixture.get("/readyz").await.0 != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    fixture.site.stop();
    assert_eq!(fixture.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        fixture.get("/healthz").await.0,
        StatusCode::OK,
        "the process is not to be ended for that"
    );
}
