//! Names that look like somebody else's, and texts that would write over others.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::wire::{Request, code_of, new_address};
use crate::world::{Chat, PASSWORD, code, done};

#[derive(Deserialize)]
struct Cases {
    allowed: Vec<(String, String)>,
    refused: Vec<(String, String)>,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../../../names.json")).unwrap()
}

/// Names that the eye does not tell apart, by other letters.
const ALIKE: &[(&str, &str)] = &[
    ("Ada", "\u{410}d\u{430}"),
    ("Case", "cASE"),
    ("Paula", "P\u{430}ul\u{430}"),
    ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
    ("Ill", "lll"),
    ("O0", "00"),
    ("modern", "modem"),
    ("Jose\u{301}", "Jos\u{e9}"),
    ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글"),
    ("가\u{b7}나", "가\u{318d}나"),
    ("two words", "two\u{3000}words"),
];

/// Whoever looks like an account is refused everywhere: as an account, by another name, as a guest, in the notes' chat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_looks_like_an_account() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let code = chat.invitation(&owner, &json!({ "role": "member" })).await;
    let sign_up = async |name: &str| {
        let body = json!({ "code": code, "name": name, "password": PASSWORD });
        chat.ask(None, "POST", "/api/signup", &body).await.code()
    };
    let guest = chat.guest("Mallory").await;
    let notes = chat.open(&guest).await;
    notes.connect("/").await.unwrap();
    let allowed = cases().allowed;
    let corpus = allowed.iter().map(|(raw, name)| (name.as_str(), raw.as_str()));
    for (name, alike) in corpus.chain(ALIKE.iter().copied()) {
        let made = sign_up(name).await;
        assert!(matches!(&*made, "ok" | "name_taken"), "{name:?}: {made}");
        for alike in [name, alike] {
            assert_eq!(sign_up(alike).await, "name_taken", "{name:?} {alike:?}");
            let body = json!({ "name": alike });
            let told = chat.ask(None, "POST", "/api/guests", &body).await.code();
            assert_eq!(told, "name_taken", "a guest: {name:?} {alike:?}");
            // A new one each time: nobody changes their name so often.
            let guest = chat.guest(&format!("Mallory {}", new_address())).await;
            let told = chat.ask(Some(&guest), "PUT", "/api/profile", &body).await.code();
            assert_eq!(told, "name_taken", "another name: {name:?} {alike:?}");
            let join = json!({ "room": "lobby", "name": alike });
            let told = notes.ask("/", "join", &join).await.unwrap();
            let told = code_of(&serde_json::from_str(&told).unwrap());
            assert_eq!(told, "name_lookalike", "in the notes' chat: {name:?} {alike:?}");
        }
    }
    // Nor does another account.
    let member = chat.sign_up(&owner, "Mallory of Bath", "member").await;
    for (name, alike) in ALIKE {
        let told = chat.ask(Some(&member), "PUT", "/api/profile", &json!({ "name": alike })).await;
        assert_eq!(told.code(), "name_taken", "{name:?} {alike:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_rooms_that_everybody_sees_look_alike() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let socket = chat.connect(&owner).await;
    let other = json!({ "title": "another room", "kind": "open" });
    let other = done(&socket, "create", &other).await["id"].clone();
    let allowed = cases().allowed;
    let corpus = allowed.iter().map(|(raw, name)| (name.as_str(), raw.as_str()));
    for (title, alike) in corpus.chain(ALIKE.iter().copied()) {
        let made = done(&socket, "create", &json!({ "title": title, "kind": "open" })).await;
        for alike in [title, alike] {
            for kind in ["open", "password"] {
                let create = json!({ "title": alike, "kind": kind, "password": PASSWORD });
                let told = code(&socket, "create", &create).await;
                assert!(
                    matches!(&*told, "room_lookalike" | "name_taken" | "name_lookalike"),
                    "{title:?} {alike:?}: {told}"
                );
            }
            let change = json!({ "room": other, "title": alike });
            let told = code(&socket, "change", &change).await;
            assert!(
                matches!(&*told, "room_lookalike" | "name_taken" | "name_lookalike"),
                "{title:?} {alike:?}: {told}"
            );
        }
        done(&socket, "delete", &json!({ "room": made["id"] })).await;
    }
}

/// What is no name is none anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_name_is_none_anywhere() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let invitation = chat.invitation(&owner, &json!({ "role": "member" })).await;
    let socket = chat.connect(&owner).await;
    socket.connect("/").await.unwrap();
    let room = json!({ "title": "plain", "kind": "open" });
    let room = done(&socket, "create", &room).await["id"].clone();
    for (name, expected) in cases().refused {
        let room_code = expected.replace("name_", "room_");
        let signed_up = json!({ "code": invitation, "name": name, "password": PASSWORD });
        for (method, path, body) in [
            ("POST", "/api/guests", json!({ "name": name })),
            ("POST", "/api/signup", signed_up),
            ("PUT", "/api/profile", json!({ "name": name })),
        ] {
            let answer = chat.ask(Some(&owner), method, path, &body).await;
            assert_eq!(answer.code(), expected, "{path} {name:?}");
        }
        // Rooms may have longer ones.
        if room_code != "room_too_long" {
            let create = json!({ "title": name, "kind": "invited" });
            assert_eq!(code(&socket, "create", &create).await, room_code, "{name:?}");
            let change = json!({ "room": room, "title": name });
            assert_eq!(code(&socket, "change", &change).await, room_code, "{name:?}");
        }
        let join = json!({ "room": "lobby", "name": name });
        let told = socket.ask("/", "join", &join).await.unwrap();
        assert_eq!(code_of(&serde_json::from_str(&told).unwrap()), expected, "{name:?}");
    }
}

/// A picture is one emoji; nothing else is drawn in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_one_emoji() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let picture = async |picture: &str| {
        let body = json!({ "picture": picture });
        chat.ask(Some(&owner), "PUT", "/api/profile", &body).await.code()
    };
    for emoji in ["🐟", "👩\u{200d}👩\u{200d}👧", "🇰🇷", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}", ""]
    {
        assert_eq!(picture(emoji).await, "ok", "{emoji:?}");
    }
    let long = "👩\u{200d}".repeat(500) + "👩";
    for other in [
        "a",
        "가",
        "🐟🐟",
        "🐟a",
        " 🐟",
        "🐟\n",
        "<svg onload=alert(1)>",
        "&#128031;",
        "javascript:alert(1)",
        "https://evil.example/x.svg",
        "data:image/svg+xml,<svg/>",
        "\u{202e}🐟",
        "🐟\u{200d}",
        "\u{fe0f}",
        "\u{200d}",
        "🇰",
        "1",
        "#",
        "\u{0}",
        "\u{e000}",
        "🐟\u{301}\u{301}\u{301}",
        &long,
    ] {
        let told = picture(other).await;
        assert!(told.starts_with("picture_"), "{other:?}: {told}");
    }
}

/// Descriptions have lines, but neither controls nor marks that turn what stands around them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_keeps_to_itself() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let socket = chat.connect(&owner).await;
    let room = json!({ "title": "described", "kind": "open" });
    let room = done(&socket, "create", &room).await["id"].clone();
    for text in [
        "",
        "two\nlines\tand a tab",
        "<b>말</b> & \"quotes\"",
        "עברית and English",
        "👩\u{200d}👩\u{200d}👧",
        &"가".repeat(500),
    ] {
        let change = json!({ "room": room, "description": text });
        assert_eq!(done(&socket, "change", &change).await["description"], text);
    }
    for text in ["a\u{0}b", "a\u{1b}[31m", "a\u{202e}b", "a\u{2067}b", "\u{7f}", "a\u{85}b"] {
        for (event, asked) in [
            ("change", json!({ "room": room, "description": text })),
            ("create", json!({ "title": "other", "kind": "open", "description": text })),
        ] {
            assert_eq!(
                code(&socket, event, &asked).await,
                "description_character",
                "{event} {text:?}"
            );
        }
    }
    let long = json!({ "room": room, "description": "가".repeat(501) });
    assert_eq!(code(&socket, "change", &long).await, "description_too_long");
}

/// A message may be any text: it comes back as it was, and as text, whatever it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_comes_back_as_it_was() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let socket = chat.connect(&owner).await;
    let room = json!({ "title": "texts", "kind": "open" });
    let room = done(&socket, "create", &room).await["id"].clone();
    done(&socket, "open", &json!({ "room": room })).await;
    let texts = [
        "<script>alert(1)</script>",
        "\u{202e}txt.exe",
        "a\u{0}b",
        "{{7*7}}",
        "'; DROP TABLE messages; --",
        "</body>",
        "[\"say\"]",
        "42/chat,[\"message\"]",
        "a\u{2028}b",
        "\u{feff}x",
        "%00%0d%0a",
    ];
    for (n, text) in texts.iter().enumerate() {
        let say = json!({ "room": room, "text": text, "key": n.to_string() });
        assert_eq!(done(&socket, "say", &say).await["text"], *text);
    }
    let opened = done(&socket, "open", &json!({ "room": room })).await;
    let said: Vec<_> =
        opened["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(said, texts);
    // No page has any of it.
    let page =
        Request::new("GET", "/room/texts").cookie(Some(&owner.secret)).send(chat.address).await;
    assert!(!page.body.contains("alert(1)"), "{}", page.body);
}

/// A name with markup in it stands in the page as JSON that ends nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_no_markup_in_the_page() {
    let chat = Chat::start().await;
    for name in ["</script><svg/onload=x>", "<!--<script>", "]]>", "\" onload=\"x", "&lt;b&gt;"] {
        let guest = chat.guest(name).await;
        let page = Request::new("GET", "/").cookie(Some(&guest.secret)).send(chat.address).await;
        assert!(page.body.contains(&guest.id), "the page says who one is: {}", page.body);
        assert!(!page.body.contains(name), "{name}: {}", page.body);
        let boot: Value = chat.ask(Some(&guest), "GET", "/api/me", &Value::Null).await.json();
        assert_eq!(boot["me"]["person"]["name"], name);
    }
}
