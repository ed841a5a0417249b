//! Rooms: the list, and names from before they had one form.

use super::*;

#[tokio::test]
async fn a_room_is_found_and_so_is_its_twin() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let find = async |name: &str| store.find(&room(name)).await.unwrap();
    assert_eq!(find("Ada").await, Found::Nothing);
    post(&store, message("Ada", "1")).await.unwrap();
    assert!(matches!(find("Ada").await, Found::Room(_)));
    assert_eq!(find("Аdа").await, Found::Twin);
    assert_eq!(find("Adam").await, Found::Nothing);
    assert!(
        matches!(find("lobby").await, Found::Room(_)),
        "also before anybody has said something there"
    );
    assert_eq!(find("Iobby").await, Found::Twin);
    post(&store, message("lobby", "1")).await.unwrap();
    assert!(matches!([find("lobby").await, find("Iobby").await], [Found::Room(_), Found::Twin]));
}

/// What looks alike may change with a version; what is stored was made by the one before.
#[tokio::test]
async fn rooms_of_an_earlier_version_are_looked_at_anew() {
    let folder = TempDir::new().unwrap();
    let options =
        SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME)).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    let two = Migrator::with_migrations(migrator().iter().take(2).cloned().collect());
    two.run(&mut old).await.unwrap();
    let insert = "INSERT INTO rooms (name, created_at, skeleton) VALUES (?1, 0, 'other looks')";
    sqlx::query(insert).bind("가ㆍ나").execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let store = open(folder.path()).await.unwrap();
    assert!(matches!(store.find(&room("가ㆍ나")).await.unwrap(), Found::Room(_)));
    assert_eq!(store.find(&room("가·나")).await.unwrap(), Found::Twin);
    store.close().await;
}

#[tokio::test]
async fn rooms_of_an_earlier_version_get_one_form() {
    let folder = TempDir::new().unwrap();
    let options =
        SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME)).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    let first = Migrator::with_migrations(migrator().iter().take(1).cloned().collect());
    first.run(&mut old).await.unwrap();
    let composed = "\u{BC29}";
    let decomposed = "\u{1107}\u{1161}\u{11BC}";
    let only_decomposed = "\u{1112}\u{1161}\u{11AB}";
    for (id, name) in
        [composed, decomposed, only_decomposed, "Ada\u{200B}", "plain"].iter().enumerate()
    {
        let insert = "INSERT INTO rooms (id, name, created_at) VALUES (?1, ?2, 0)";
        let id = i64::try_from(id + 1).unwrap();
        sqlx::query(insert).bind(id).bind(name).execute(&mut old).await.unwrap();
    }
    // Rooms 1 and 2 took turns, and have a key in common.
    for (room, msg, key) in [
        (1, "one", Some("k")),
        (2, "two", Some("k")),
        (1, "three", None),
        (2, "four", Some("l")),
        (3, "han", None),
        (4, "unseen", None),
        (5, "plain", None),
    ] {
        sqlx::query(
            "INSERT INTO messages (room_id, name, msg, at, key) VALUES (?1, 'a', ?2, 1, ?3)",
        )
        .bind(room)
        .bind(msg)
        .bind(key)
        .execute(&mut old)
        .await
        .unwrap();
        sqlx::query("UPDATE rooms SET last_message_id = last_insert_rowid() WHERE id = ?1")
            .bind(room)
            .execute(&mut old)
            .await
            .unwrap();
    }
    old.close().await.unwrap();

    for _ in 0..2 {
        let store = open(folder.path()).await.unwrap();
        let history = store.history(&room(decomposed)).await.unwrap();
        assert_eq!(texts(&history), ["one", "two", "three", "four"]);
        assert_eq!(texts(&store.history(&room("한")).await.unwrap()), ["han"]);
        assert!(matches!(store.find(&room("방")).await.unwrap(), Found::Room(_)));
        assert!(store.health().await.is_ok());
        store.close().await;
    }
}

/// However many rooms there are, one is found by its id without looking at the others.
#[tokio::test]
async fn rooms_are_found_by_an_index() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    for (statement, index) in [
        (
            "SELECT 1 FROM rooms r LEFT JOIN members me ON me.room = r.id AND me.person = ?1
             WHERE r.public_id = ?2 AND r.public_id <> ''",
            "rooms_by_public_id",
        ),
        (
            "SELECT 1 FROM rooms r WHERE r.public_id IN (SELECT value FROM json_each(?2))
             AND r.public_id <> ''",
            "rooms_by_public_id",
        ),
        (
            "SELECT 1 FROM rooms r WHERE (r.active_at, r.id) < (?3, ?4)
             ORDER BY r.active_at DESC, r.id DESC LIMIT ?5",
            "rooms_by_activity",
        ),
        ("SELECT count(*) FROM rooms r WHERE owner = ?1", "rooms_by_owner"),
        ("SELECT id FROM rooms r WHERE public_id = '' LIMIT 1", "rooms_that_are_gone"),
        ("SELECT id FROM rooms r WHERE direct_key = ?1", "rooms_by_direct_key"),
    ] {
        let plan = format!("EXPLAIN QUERY PLAN {statement}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(plan))
            .fetch_all(&store.database.reads())
            .await
            .unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        assert!(steps.iter().all(|step| !step.starts_with("SCAN r") || step.contains(index)));
    }
    store.close().await;
}
