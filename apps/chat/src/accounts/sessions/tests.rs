use super::*;
use crate::accounts::contract::Role;
use crate::api::tests::House;

const DAY: i64 = 24 * 3_600 * 1_000;

#[tokio::test]
async fn a_session_that_is_used_lasts_on_and_one_that_is_not_ends() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let me = ann.me().await.unwrap();
    assert!((me.expires_at - now() - SESSION_LIFETIME).abs() < 60_000);
    let lasts = async |lifetime: i64| {
        let touched =
            house.app.store.touch_session(&me.session, "192.0.2.9".to_owned(), Some(lifetime));
        touched.await.unwrap().unwrap()
    };
    // Less than a day of it is gone: nothing is set.
    let end = lasts(SESSION_LIFETIME - DAY + 60_000).await;
    let answer = ann.get("/api/me").await;
    assert_eq!(answer.set_cookie(), None);
    assert_eq!(answer.ok()["me"]["expires_at"], serde_json::json!(end));
    // A day is gone: it lasts thirty again, and so does its cookie; where none can be set it does not.
    let end = lasts(SESSION_LIFETIME - DAY - 1).await;
    let before = ann.cookie();
    assert!(ann.socket("/chat").await.is_some());
    assert_eq!(ann.get("/api/sessions").await.set_cookie(), None);
    let stored = house.app.accounts.session(&ann.cookie().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.expires_at, end);
    let answer = ann.get("/").await;
    assert!(answer.set_cookie().unwrap().contains("Max-Age=2592000"));
    assert_eq!(ann.cookie(), before, "the secret stays");
    // So it does where a page that stays open asks who it is.
    lasts(SESSION_LIFETIME - DAY - 1).await;
    assert!(ann.get("/api/me").await.set_cookie().unwrap().contains("Max-Age=2592000"));
    let end = ann.me().await.unwrap().expires_at;
    assert!((end - now() - SESSION_LIFETIME).abs() < 60_000);
    // At its end it is over.
    lasts(0).await;
    assert_eq!(ann.me().await, None);
    assert!(ann.socket("/chat").await.is_none());
    let touched = house.app.store.touch_session(&me.session, String::new(), Some(DAY)).await;
    assert_eq!(touched.unwrap(), None);
}

/// The end takes a moment on its way to the socket; what is said meanwhile is not for them any more.
#[tokio::test]
async fn what_is_said_after_the_end_of_a_session_reaches_none_of_its_sockets() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let id = ann.me().await.unwrap().person.id;
    let mut socket = ann.socket("/chat").await.unwrap();
    let io = house.server.server().of("/chat").unwrap();
    io.join("room x");
    io.to("room x").emit("message", "before").unwrap();
    house.app.accounts.end_sessions(&id).await.unwrap();
    for room in ["room x".to_owned(), format!("person {id}")] {
        io.to(room).emit("message", "after").unwrap();
    }
    assert_eq!(socket.expect_event::<String>("message").await, "before");
    socket.expect_end().await;
}

#[tokio::test]
async fn whoever_has_no_session_has_no_socket() {
    let house = House::new().await;
    let nobody = house.browser();
    for cookie in ["", "x", &"x".repeat(100)] {
        nobody.inner.set_cookie("sockeye", cookie);
        assert!(nobody.socket("/chat").await.is_none());
        assert!(nobody.socket("/rooms").await.is_none());
        assert_eq!(nobody.me().await, None);
    }
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_what_was_said_is_not() {
    let house = House::new().await;
    let store = &house.app.store;
    let ann = house.account("Ann", Role::Member).await;
    let (gone, here) = (house.guest("Gone").await, house.guest("Here").await);
    let id = gone.me().await.unwrap().person.id;
    let blocked = house.guest("Blocked").await;
    let blocked_id = blocked.me().await.unwrap().person.id;
    ann.put(&format!("/api/blocks/{blocked_id}"), &serde_json::Value::Null).await.ok();
    for guest in [&gone, &blocked] {
        guest.post("/api/logout", &serde_json::Value::Null).await.ok();
    }
    // A guest who was made in the same millisecond stays until the next time.
    while store.person(&id).await.unwrap().is_some() {
        house.app.accounts.forget_what_is_over().await.unwrap();
    }
    assert!(store.person(&blocked_id).await.unwrap().is_some());
    assert!(here.me().await.is_some() && ann.me().await.is_some());
    let session = here.me().await.unwrap().session;
    store.touch_session(&session, String::new(), Some(0)).await.unwrap();
    let id = here.me().await;
    assert_eq!(id, None);
    house.app.accounts.forget_what_is_over().await.unwrap();
    assert!(ann.me().await.is_some());
}
