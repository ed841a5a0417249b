use serde_json::{Value, json};

use super::super::store::PASSKEYS_MAX;
use super::super::tests::{Authenticator, ORIGIN};
use super::*;
use crate::accounts::contract::{Me, Role};
use crate::admin::{Actor, Admin};
use crate::api::tests::{Answer, Browser, House};

/// Makes a passkey in a browser.
async fn make(browser: &Browser, name: Option<&str>) -> (Authenticator, Answer) {
    let options = browser.post("/api/passkeys/register/begin", &Value::Null).await.ok();
    let (authenticator, mut sent) = Authenticator::register(&options, ORIGIN);
    if let Some(name) = name {
        sent["name"] = name.into();
    }
    let answer = browser.post("/api/passkeys/register/finish", &sent).await;
    (authenticator, answer)
}

async fn log_in(browser: &Browser, authenticator: &mut Authenticator) -> Answer {
    let options = browser.post("/api/passkeys/login/begin", &Value::Null).await.ok();
    let sent = authenticator.log_in(&options, "localhost", ORIGIN);
    browser.post("/api/passkeys/login/finish", &sent).await
}

async fn list(browser: &Browser) -> Vec<PasskeyView> {
    browser.get("/api/passkeys").await.read()
}

#[tokio::test]
async fn somebody_logs_in_by_a_passkey_until_it_is_removed() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let (mut phone, answer) = make(&ann, Some(" My  phone ")).await;
    assert_eq!(answer.read::<Me>().person.name, "Ann");
    let (mut key, answer) = make(&ann, None).await;
    answer.ok();
    let passkeys = list(&ann).await;
    assert_eq!(passkeys.len(), 2);
    assert_eq!((&*passkeys[0].name, passkeys[0].used_at), ("My phone", None));
    assert!(passkeys[1].name.len() == 10 && passkeys[1].name.starts_with("20"), "the day");

    let other = house.browser();
    let answer = log_in(&other, &mut phone).await;
    let me: Me = answer.read();
    assert_eq!(me, other.me().await.unwrap());
    assert_eq!(me.person, ann.me().await.unwrap().person);
    assert_ne!(me.session, ann.me().await.unwrap().session);
    assert!(answer.set_cookie().unwrap().contains("HttpOnly"));
    assert!(other.socket("/chat").await.is_some());
    let used = list(&ann).await;
    assert!(used[0].used_at.is_some() && used[1].used_at.is_none());

    let path = format!("/api/passkeys/{}", passkeys[0].id);
    ann.delete(&path).await.ok();
    assert_eq!(ann.delete(&path).await.refused(), (404, "gone".to_owned()));
    let answer = log_in(&house.browser(), &mut phone).await;
    assert_eq!(answer.refused(), (403, "passkey_failed".to_owned()));
    log_in(&house.browser(), &mut key).await.ok();
}

#[tokio::test]
async fn a_new_session_takes_the_place_of_the_browsers_old_one() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let (mut phone, _) = make(&ann, None).await;
    let before = ann.cookie().unwrap();
    log_in(&ann, &mut phone).await.ok();
    assert_ne!(ann.cookie().unwrap(), before);
    assert!(house.app.accounts.session(&before).await.unwrap().is_none());
}

#[tokio::test]
async fn passkeys_are_for_accounts_and_only_for_ones_own() {
    let house = House::new().await;
    let (ann, ben) =
        (house.account("Ann", Role::Owner).await, house.account("Ben", Role::Member).await);
    let (mut phone, _) = make(&ann, None).await;
    let path = format!("/api/passkeys/{}", list(&ann).await[0].id);
    assert_eq!(ben.delete(&path).await.refused(), (404, "gone".to_owned()));
    assert_eq!(list(&ann).await.len(), 1);
    for (who, refused) in [
        (house.browser(), (401, "unauthorized".to_owned())),
        (house.guest("Gast").await, (403, "guest_owns_nothing".to_owned())),
    ] {
        assert_eq!(who.get("/api/passkeys").await.refused(), refused);
        assert_eq!(who.delete(&path).await.refused(), refused);
        let begun = who.post("/api/passkeys/register/begin", &Value::Null).await;
        assert_eq!(begun.refused(), refused);
        let (_, sent) = Authenticator::register(
            &ann.post("/api/passkeys/register/begin", &Value::Null).await.ok(),
            ORIGIN,
        );
        let ended = who.post("/api/passkeys/register/finish", &sent).await;
        assert_eq!(ended.refused(), refused);
    }
    // Begun by one, ended by another one.
    let options = ann.post("/api/passkeys/register/begin", &Value::Null).await.ok();
    let (_, sent) = Authenticator::register(&options, ORIGIN);
    let ended = ben.post("/api/passkeys/register/finish", &sent).await;
    assert_eq!(ended.refused(), (403, "passkey_failed".to_owned()));
    // Of a closed account.
    let admin = Admin::new(house.app.clone());
    house.account("Otto", Role::Owner).await;
    let id = ann.me().await.unwrap().person.id;
    admin.close(Actor::CommandLine, id).await.unwrap();
    let answer = log_in(&house.browser(), &mut phone).await;
    assert_eq!(answer.refused(), (403, "passkey_failed".to_owned()));
}

#[tokio::test]
async fn so_many_passkeys_and_each_is_one_persons() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    let id = ann.me().await.unwrap().person.id;
    let new = |n: u32| NewPasskey {
        id: format!("key{n}"),
        person: id.clone(),
        name: String::new(),
        credential: String::new(),
    };
    for n in 0..PASSKEYS_MAX {
        assert!(house.app.store.keep_passkey(new(n)).await.unwrap().is_ok());
    }
    let (_, answer) = make(&ann, None).await;
    assert_eq!(answer.refused(), (409, "passkeys_full".to_owned()));
    assert!(house.app.store.remove_passkey(&id, "key0").await.unwrap());
    let again = house.app.store.keep_passkey(new(1)).await.unwrap();
    assert_eq!(again, Err(NotKept::Taken));
    let long = "x".repeat(33);
    let (_, answer) = make(&ann, Some(&long)).await;
    assert_eq!(answer.refused(), (400, "name_too_long".to_owned()));
    make(&ann, None).await.1.ok();
}

#[tokio::test]
async fn where_browsers_have_none_that_is_said() {
    let house = House::new().await;
    let ann = house.account("Ann", Role::Member).await;
    for host in ["192.0.2.7:3000", "chat.example", "[::1]:3000"] {
        for path in ["/api/passkeys/register/begin", "/api/passkeys/login/begin"] {
            let request = ann.inner.post(path).header("host", host).json(&json!({})).await;
            let answer = Answer { response: request };
            assert_eq!(answer.refused(), (400, "no_passkeys".to_owned()), "{host} {path}");
        }
    }
}
