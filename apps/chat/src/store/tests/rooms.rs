//! Rooms: the list, and names from before they had one form.

use super::*;

/// The list as it is now.
async fn listed(store: &Store) -> Vec<String> {
    *store.listed.lock().await = None;
    store.rooms().await.unwrap().into_iter().map(|(_, room)| room.name).collect()
}

#[tokio::test]
async fn rooms_are_listed_by_their_newest_message() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let long = "나".repeat(300);
    let said = [
        ("a", "1"),
        ("b", "2"),
        ("a", "3"),
        ("긴 방", &long),
        ("b", "4"),
        ("lobby", "5"),
        ("b", "6"),
    ];
    // Each room by somebody else: then only the newest message counts.
    for (n, (room, text)) in said.into_iter().enumerate() {
        let origin = origin(u8::try_from(n).unwrap());
        post(&store, Post { origin, ..message(room, text) }).await.unwrap();
    }
    let rooms = store.rooms().await.unwrap();
    let listed = rooms.iter().map(|(_, room)| (room.name.as_str(), room.last.as_ref().unwrap()));
    let expected = [("lobby", "5"), ("b", "6"), ("긴 방", &long[..600]), ("a", "3")];
    assert!(listed.map(|(room, last)| (room, last.msg.as_str())).eq(expected));
    for n in 0..ROOMS_LISTED_MAX {
        post(&store, message(&format!("room {n}"), "x")).await.unwrap();
    }
    assert_eq!(self::listed(&store).await.len(), ROOMS_LISTED_MAX as usize);
    store.close().await;
}

/// A stranger made 130 rooms, and every other one was gone from the list for good.
#[tokio::test]
async fn nobodys_rooms_push_those_of_others_off_the_list() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut others = vec!["lobby".to_owned()];
    others.extend((0..40).map(|n| format!("team {n}a")));
    for room in &others {
        post(&store, Post { origin: origin(2), ..message(room, "hello") }).await.unwrap();
    }
    post(&store, Post { origin: origin(3), ..message("기획팀", "안녕") }).await.unwrap();
    for n in 0..130 {
        post(&store, message(&format!("spam {n}b"), ".")).await.unwrap();
    }
    let listed = listed(&store).await;
    assert_eq!(listed.len(), ROOMS_LISTED_MAX as usize);
    others.push("기획팀".to_owned());
    for room in &others {
        assert!(listed.contains(room), "{room} is gone from {listed:?}");
    }
    store.close().await;
}

/// Asking for it all the time must not keep the machine busy.
#[test]
fn making_the_list_takes_a_tenth_of_the_time_at_most() {
    let start = Instant::now();
    let end = start + Duration::from_millis(80);
    let listed = Listed { start, end, rooms: Vec::new() };
    assert!(listed.is_fresh(start + Duration::from_millis(799)));
    assert!(!listed.is_fresh(start + Duration::from_millis(800)));
}

#[tokio::test]
async fn a_room_is_found_and_so_is_its_twin() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let find = async |name: &str| store.find(&room(name)).await.unwrap();
    assert_eq!(find("Ada").await, Found::Nothing);
    post(&store, message("Ada", "1")).await.unwrap();
    assert_eq!(find("Ada").await, Found::Room);
    assert_eq!(find("Аdа").await, Found::Twin);
    assert_eq!(find("Adam").await, Found::Nothing);
    assert_eq!(find("lobby").await, Found::Room, "also before anybody has said something there");
    assert_eq!(find("Iobby").await, Found::Twin);
    post(&store, message("lobby", "1")).await.unwrap();
    assert_eq!([find("lobby").await, find("Iobby").await], [Found::Room, Found::Twin]);
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
    assert_eq!(store.find(&room("가ㆍ나")).await.unwrap(), Found::Room);
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
        assert_eq!(listed(&store).await, ["plain", "한", "방"]);
        assert_eq!(store.find(&room("방")).await.unwrap(), Found::Room);
        assert!(store.health().await.is_ok());
        store.close().await;
    }
}
