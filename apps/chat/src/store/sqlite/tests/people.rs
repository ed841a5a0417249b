//! People, and what was said before there were any.

use super::*;
use crate::accounts::contract::Role;
use crate::accounts::store::AccountStore as _;
use crate::messages::store::{MessageStore as _, Page};

#[tokio::test]
async fn what_was_said_before_there_were_people_was_said_by_guests_of_these_names() {
    let folder = TempDir::new().unwrap();
    let options =
        SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME)).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    let three = Migrator::with_migrations(migrator().iter().take(3).cloned().collect());
    three.run(&mut old).await.unwrap();
    sqlx::query(
        "INSERT INTO rooms (id, name, created_at) VALUES (1, '우리 방', 5), (2, 'empty', 6)",
    )
    .execute(&mut old)
    .await
    .unwrap();
    // Two of one name from two browsers, one browser with two names, and one who never said who it is.
    for (sender, name, at) in [
        ("id one", "민지", 10),
        ("id two", "민지", 20),
        ("id one", "서준", 30),
        ("id one", "민지", 40),
        ("", "민지", 50),
    ] {
        sqlx::query(
            "INSERT INTO messages (room_id, name, msg, at, sender) VALUES (1, ?1, 'x', ?2, ?3)",
        )
        .bind(name)
        .bind(at)
        .bind(sender)
        .execute(&mut old)
        .await
        .unwrap();
    }
    sqlx::query("UPDATE rooms SET last_message_id = 5 WHERE id = 1")
        .execute(&mut old)
        .await
        .unwrap();
    old.close().await.unwrap();

    for _ in 0..2 {
        let store = open(folder.path()).await.unwrap();
        let rooms = sqlx::query_as::<_, (String, String, String, i64)>(
            "SELECT public_id, title, kind, active_at FROM rooms WHERE id < 3 ORDER BY id",
        )
        .fetch_all(&store.database.reads())
        .await
        .unwrap();
        let (id, ..) = &rooms[0];
        assert_eq!((rooms[0].1.as_str(), rooms[0].2.as_str(), rooms[0].3), ("우리 방", "open", 50));
        assert_eq!((rooms[1].1.as_str(), rooms[1].3), ("empty", 6));
        let page = store.page(id, "", Page::Newest, 100).await.unwrap();
        assert!(!page.has_before);
        let messages = page.messages;
        let people: Vec<_> = messages.iter().map(|message| message.by.id.as_str()).collect();
        assert_eq!(people[0], people[3], "the same name from the same browser");
        let different: std::collections::HashSet<_> = people.iter().collect();
        assert_eq!(different.len(), 4);
        for message in &messages {
            let person = store.person(&message.by.id).await.unwrap().unwrap();
            assert_eq!((person.role, &person.name), (Role::Guest, &message.by.name));
            assert_eq!(person.colour, message.by.colour);
        }
        store.close().await;
    }
    // Who comes back to the notes' chat is who they were.
    let store = open(folder.path()).await.unwrap();
    let known = Sender::known_by(&MessageKey::parse("one".to_owned()).unwrap());
    let posted = post(
        &store,
        Post {
            sender: known,
            name: Nickname::parse("민지").unwrap(),
            ..message("우리 방", "다시")
        },
    );
    let posted = posted.await.unwrap();
    let page = store.page(&posted.message().room, "", Page::Newest, 100).await.unwrap();
    let messages = page.messages;
    assert_eq!(messages[0].by, posted.message().by);
    store.close().await;
}
