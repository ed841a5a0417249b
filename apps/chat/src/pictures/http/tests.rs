use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sockeye::Event;
use sockeye_testing::{AckError, TestClient};

use super::*;
use crate::accounts::contract::Role;
use crate::api::tests::{Answer, Browser, House};

/// Does something in `/chat`.
async fn ask(
    socket: &mut TestClient,
    event: &'static str,
    payload: Value,
) -> Result<Value, String> {
    match socket.emit_with_ack(Event::<Value, Value>::new(event), &payload).await {
        Ok(answer) => Ok(answer),
        Err(AckError::Remote(error)) => Err(error.code),
        Err(error) => panic!("{event}: {error}"),
    }
}

/// A browser and its socket.
struct Somebody {
    browser: Browser,
    socket: TestClient,
    id: String,
}

impl Somebody {
    async fn new(house: &House, name: &str) -> Self {
        let browser = house.account(name, Role::Member).await;
        let socket = browser.socket("/chat").await.unwrap();
        let id = browser.me().await.unwrap().person.id;
        Somebody { browser, socket, id }
    }

    async fn does(&mut self, event: &'static str, payload: Value) -> Value {
        ask(&mut self.socket, event, payload).await.unwrap()
    }

    async fn code(&mut self, event: &'static str, payload: Value) -> String {
        ask(&mut self.socket, event, payload).await.err().unwrap_or_else(|| "ok".to_owned())
    }

    async fn creates(&mut self, title: &str, kind: &str) -> String {
        let made = self.does("create", json!({ "title": title, "kind": kind })).await;
        let room = made["id"].as_str().unwrap().to_owned();
        self.does("open", json!({ "room": room })).await;
        room
    }

    async fn says(&mut self, room: &str, pictures: &[&str], key: &str) -> Value {
        let say = json!({ "room": room, "text": "", "key": key, "pictures": pictures });
        self.does("say", say).await
    }
}

/// A PNG of so many pixels a side, in a colour of its own.
fn png(side: u32, colour: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels = vec![colour; (side * side) as usize];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}

impl Browser {
    async fn send(&self, room: &str, file: Vec<u8>) -> Answer {
        let request = self.inner.post(&format!("/api/rooms/{room}/pictures"));
        let request = request.header("host", "localhost:3000");
        let request = request.header("sec-fetch-site", "same-origin");
        Answer {
            response: request.header("content-type", "application/octet-stream").body(file).await,
        }
    }

    async fn sent(&self, room: &str, file: Vec<u8>) -> Picture {
        self.send(room, file).await.read()
    }

    async fn picture(&self, room: &str, id: &str) -> Answer {
        self.get(&format!("/api/rooms/{room}/pictures/{id}")).await
    }
}

#[tokio::test]
async fn a_picture_is_sent_said_and_seen_by_the_members_of_the_room() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let mut ben = Somebody::new(&house, "Ben").await;
    let room = ann.creates("club", "open").await;
    let sent = ann.browser.sent(&room, png(600, 7)).await;
    assert_eq!((sent.width, sent.height, sent.is_animated), (600, 600, false));
    ben.does("open", json!({ "room": room })).await;
    let seen = |answer: &Answer| answer.response.status;
    assert_eq!(seen(&ann.browser.picture(&room, &sent.id).await), 200);
    // Nobody else sees it before it is said.
    assert_eq!(ben.browser.picture(&room, &sent.id).await.refused(), (404, "gone".to_owned()));
    let said = ann.says(&room, &[&sent.id], "k").await;
    assert_eq!(said["pictures"], json!([sent]));
    assert_eq!(said["text"], "");
    let answer = ben.browser.picture(&room, &sent.id).await;
    assert_eq!(seen(&answer), 200);
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", POLICY),
        ("content-disposition", "inline; filename=\"picture.png\""),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", KEPT),
        ("content-length", &sent.bytes.to_string()),
    ] {
        assert_eq!(answer.response.header(name), Some(value));
    }
    assert_eq!(answer.response.body.len() as u64, sent.bytes);
    let tag = answer.response.header("etag").unwrap().to_owned();
    let path = format!("/api/rooms/{room}/pictures/{}", sent.id);
    let again = ben.browser.inner.get(&path).header("host", "localhost:3000");
    let again = again.header("if-none-match", &format!("\"x\", {tag}")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = ben.browser.inner.request("HEAD", &path).header("host", "localhost:3000").await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("image/png")));
    let small = ben.browser.get(&format!("{path}/thumbnail")).await;
    assert_eq!(small.response.header("content-type"), Some("image/jpeg"));
    // It comes with the history, too.
    let opened = ben.does("open", json!({ "room": room })).await;
    assert_eq!(opened["messages"][0]["pictures"], json!([sent]), "{opened}");
}

#[tokio::test]
async fn whoever_is_not_in_the_room_now_learns_nothing_of_a_picture() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let mut ben = Somebody::new(&house, "Ben").await;
    let room = ann.creates("club", "open").await;
    let other = ann.creates("other", "open").await;
    ben.does("open", json!({ "room": room })).await;
    let sent = ann.browser.sent(&room, png(600, 7)).await;
    ann.says(&room, &[&sent.id], "k").await;
    assert_eq!(ben.browser.picture(&room, &sent.id).await.response.status, 200);
    ann.does("remove", json!({ "room": room, "person": ben.id })).await;
    let nobody = house.browser();
    let stranger = Somebody::new(&house, "Eve").await;
    let nobodys = ann.browser.picture(&room, "AAAAAAAAAAAAAAAA").await;
    assert_eq!(nobodys.refused(), (404, "gone".to_owned()));
    for path in ["", "/thumbnail"] {
        let id = format!("{}{path}", sent.id);
        for browser in [&ben.browser, &stranger.browser] {
            let refused = browser.picture(&room, &id).await;
            assert_eq!(refused.response.text(), nobodys.response.text());
            assert_eq!(refused.response.status, 404);
        }
        assert_eq!(nobody.picture(&room, &id).await.refused().1, "unauthorized");
        // By way of another room it is nothing, either.
        assert_eq!(ann.browser.picture(&other, &id).await.refused().1, "gone");
    }
    for browser in [&ben.browser, &stranger.browser] {
        assert_eq!(browser.send(&room, png(8, 1)).await.refused(), (404, "gone".to_owned()));
    }
    assert_eq!(nobody.send(&room, png(8, 1)).await.refused().1, "unauthorized");
    assert_eq!(ann.browser.send("AAAAAAAAAAAAAAAA", png(8, 1)).await.refused().1, "gone");
}

#[tokio::test]
async fn whoever_may_say_nothing_sends_no_pictures() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let mut ben = Somebody::new(&house, "Ben").await;
    let room = ann.creates("club", "open").await;
    ben.does("open", json!({ "room": room })).await;
    let mute = json!({ "room": room, "person": ben.id, "seconds": 60 });
    ann.does("mute", mute).await;
    assert_eq!(ben.browser.send(&room, png(8, 1)).await.refused().1, "muted");
}

#[tokio::test]
async fn a_message_has_the_pictures_that_its_sender_sent_to_the_room_once() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let mut ben = Somebody::new(&house, "Ben").await;
    let room = ann.creates("club", "open").await;
    let other = ann.creates("other", "open").await;
    ben.does("open", json!({ "room": room })).await;
    let mut ids = Vec::new();
    for colour in 0..3 {
        ids.push(ann.browser.sent(&room, png(8, colour)).await.id);
    }
    let elsewhere = ann.browser.sent(&other, png(8, 9)).await.id;
    let say = |pictures: Value, key: &str| json!({ "room": room, "text": "look", "key": key, "pictures": pictures });
    for wrong in [json!([elsewhere]), json!(["AAAAAAAAAAAAAAAA"]), json!([ids[0], ids[0]])] {
        assert_eq!(ann.code("say", say(wrong, "w")).await, "picture_gone");
    }
    assert_eq!(ben.code("say", say(json!([ids[0]]), "w")).await, "picture_gone", "it is hers");
    let many = json!(vec!["x"; 11]);
    assert_eq!(ann.code("say", say(many, "w")).await, "too_many_pictures");
    let order = json!([ids[2], ids[0]]);
    let said = ann.does("say", say(order.clone(), "k")).await;
    let told: Vec<_> =
        said["pictures"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(json!(told), order);
    // Sent again under its key it is the same; with others it is another message.
    let again = ann.does("say", say(order.clone(), "k")).await;
    assert_eq!(again, said);
    assert_eq!(ann.code("say", say(json!([ids[2]]), "k")).await, "key_reused");
    assert_eq!(ann.code("say", say(json!([]), "k")).await, "key_reused");
    assert_eq!(ann.code("say", say(order, "l")).await, "picture_gone", "it was said");
    assert_eq!(ann.code("say", say(json!([ids[1]]), "l")).await, "ok");
    let empty = json!({ "room": room, "text": "", "key": "m" });
    assert_eq!(ann.code("say", empty).await, "message_empty");
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused_and_leaves_nothing() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let room = ann.creates("club", "open").await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let answer = ann.browser.send(&room, svg.to_vec()).await;
    assert_eq!(answer.refused(), (415, "not_a_picture".to_owned()));
    let max = house.app.pictures.bytes_max as usize;
    let answer = ann.browser.send(&room, vec![0; max + 1]).await;
    assert_eq!(answer.refused(), (413, "file_too_large".to_owned()));
    assert!(answer.response.text().contains("20 MiB"), "{answer:?}");
    let answer = ann.browser.send(&room, vec![0; max]).await;
    assert_eq!(answer.refused().1, "not_a_picture");
    let folder = house.data.path().join("pictures");
    let left: Vec<_> = std::fs::read_dir(folder.join("incoming")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(house.app.pictures.files.folders().unwrap().len(), 0);
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let house = House::whole().await;
    let incoming = house.app.pictures.files.incoming();
    let parts = stream::repeat_with(|| Ok::<_, io::Error>(vec![0_u8; 1_000])).boxed();
    let refused = receive(Body::from_stream(parts), &incoming, 10_000).await.unwrap_err();
    assert!(matches!(refused, Refused::FileLarge(10_000)));
    let parts = stream::iter([Ok::<_, io::Error>(vec![0_u8; 10_000])]);
    receive(Body::from_stream(parts), &incoming, 10_000).await.unwrap();
    let parts = stream::iter([Ok(vec![0_u8; 10]), Err(io::Error::other("gone"))]);
    let refused = receive(Body::from_stream(parts), &incoming, 10_000).await.unwrap_err();
    assert!(matches!(refused, Refused::BadRequest(_)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_not_waited_for() {
    let data = tempfile::TempDir::new().unwrap();
    let files = crate::pictures::files::Files::open(data.path()).unwrap();
    let incoming = files.incoming();
    let never = stream::pending::<Result<Vec<u8>, io::Error>>();
    let before = Instant::now();
    let refused = receive(Body::from_stream(never), &incoming, 1_000_000).await.unwrap_err();
    assert!(matches!(refused, Refused::BodyLate));
    assert_eq!(before.elapsed(), BODY_BEGINS_WITHIN);
    // A kilobyte a second is too slow, and what has come buys some time.
    let drops = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, io::Error>(vec![0_u8; 1_024]), ()))
    });
    let before = Instant::now();
    let refused = receive(Body::from_stream(drops), &incoming, 1_000_000).await.unwrap_err();
    assert!(matches!(refused, Refused::BodyLate));
    assert!(before.elapsed() > BODY_BEGINS_WITHIN && before.elapsed() < 2 * BODY_BEGINS_WITHIN);
}

#[tokio::test]
async fn the_file_goes_with_the_last_message_that_has_it() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let one = ann.creates("one", "open").await;
    let two = ann.creates("two", "open").await;
    let (a, b) = (ann.browser.sent(&one, png(8, 1)).await, ann.browser.sent(&two, png(8, 1)).await);
    assert_ne!(a.id, b.id);
    ann.says(&one, &[&a.id], "k").await;
    ann.says(&two, &[&b.id], "k").await;
    let (app, files) = (&house.app, &house.app.pictures.files);
    let folders = files.folders().unwrap();
    assert_eq!(folders.len(), 1, "the same content is kept once");
    let kept = || std::fs::read_dir(&folders[0]).unwrap().count();
    let make_old = || {
        for entry in std::fs::read_dir(&folders[0]).unwrap() {
            let file = std::fs::File::options().append(true).open(entry.unwrap().path()).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(7_200)).unwrap();
        }
    };
    make_old();
    for (room, left) in [(one, 1), (two, 0)] {
        ann.does("delete", json!({ "room": room })).await;
        while app.store.sweep().await.unwrap() {}
        app.pictures.sweep(app).await.unwrap();
        assert_eq!(kept(), left);
    }
}

#[tokio::test]
async fn a_deleted_message_has_no_pictures_and_others_say_how_many_they_have() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let room = ann.creates("club", "open").await;
    let notes = ann.browser.socket("/").await;
    let mut notes = notes.unwrap();
    ask(&mut notes, "join", json!({ "room": "club", "name": "Noah" })).await.unwrap();
    let (one, two) =
        (ann.browser.sent(&room, png(8, 1)).await, ann.browser.sent(&room, png(8, 2)).await);
    let say = json!({ "room": room, "text": "look", "key": "k", "pictures": [one.id, two.id] });
    let said = ann.does("say", say).await;
    let message = said["id"].clone();
    let again = ask(&mut notes, "join", json!({ "room": "club", "name": "Noah" })).await.unwrap();
    assert_eq!(again[0]["msg"], "look [picture] [picture]");
    let reply = json!({ "room": room, "text": "nice", "key": "l", "reply_to": message });
    assert_eq!(ann.does("say", reply).await["reply"]["pictures"], 2);
    // With pictures the text may be taken away.
    let edit = json!({ "room": room, "message": message, "text": "" });
    ann.does("edit", edit).await;
    let of = json!({ "room": room, "message": message });
    ann.does("delete_message", of).await;
    for picture in [one, two] {
        assert_eq!(ann.browser.picture(&room, &picture.id).await.refused().1, "gone");
    }
    let page = ann.does("history", json!({ "room": room })).await;
    assert_eq!(page["messages"][0]["is_deleted"], true);
    assert_eq!(page["messages"][0]["pictures"], Value::Null);
}

#[tokio::test]
async fn what_is_not_said_within_a_day_is_forgotten() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let room = ann.creates("one", "open").await;
    let sent = ann.browser.sent(&room, png(8, 1)).await;
    let app = &house.app;
    app.pictures.sweep(app).await.unwrap();
    assert_eq!(ann.browser.picture(&room, &sent.id).await.response.status, 200);
    crate::store::sqlite::by_hand::run(
        house.data.path(),
        "UPDATE pictures SET created_at = created_at - 24 * 3600 * 1000 - 1",
    )
    .await;
    app.pictures.sweep(app).await.unwrap();
    assert_eq!(ann.browser.picture(&room, &sent.id).await.refused().1, "gone");
    let say = json!({ "room": room, "text": "", "key": "k", "pictures": [sent.id] });
    assert_eq!(ann.code("say", say).await, "picture_gone");
}

#[tokio::test]
async fn forms_and_pages_of_other_sites_send_none() {
    let house = House::whole().await;
    let mut ann = Somebody::new(&house, "Ann").await;
    let room = ann.creates("one", "open").await;
    let path = format!("/api/rooms/{room}/pictures");
    let send = |site: &'static str, kind: &'static str| {
        let request = ann.browser.inner.post(&path).header("host", "localhost:3000");
        request.header("sec-fetch-site", site).header("content-type", kind).body(png(8, 1))
    };
    for kind in ["", "text/plain", "multipart/form-data; boundary=x", "application/json"] {
        assert_eq!(send("same-origin", kind).await.status, 400, "{kind}");
    }
    assert_eq!(send("cross-site", "image/png").await.status, 403);
    assert_eq!(send("same-origin", "Image/GIF").await.status, 200);
}

#[tokio::test]
async fn a_person_sends_so_many_and_so_much() {
    let house = House::whole().await;
    let usage = &house.app.usage;
    let origin = crate::quota::Origin::of(None);
    let taken = (0..100).take_while(|_| usage.picture("ada", origin, 1).is_ok()).count();
    assert_eq!(taken, 30);
    let other = crate::quota::Origin::of(Some([192, 0, 2, 77].into()));
    assert!(usage.picture("eve", other, 2 * 1024 * 1024 * 1024).is_err());
    assert!(usage.picture("eve", other, 1024 * 1024 * 1024).is_ok());
}
