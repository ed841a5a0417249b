use tempfile::TempDir;

use super::*;
use crate::accounts::contract::Role;
use crate::accounts::now;
use crate::accounts::store::{AccountStore as _, NewPerson, NewSession};
use crate::admin::store::Denied;
use crate::id::Secret;
use crate::names::Skeleton;
use crate::rooms::contract::RoomKind;
use crate::rooms::store::RoomStore as _;
use crate::store::{Store as _, StoreOptions};

struct Fixture {
    store: Sqlite,
    _data: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let data = TempDir::new().unwrap();
        let options = StoreOptions { free_bytes_min: Some(7) };
        Fixture { store: Sqlite::open(data.path(), options).await.unwrap(), _data: data }
    }

    /// Somebody new, whose id is the name in small letters.
    async fn person(&self, name: &str, role: Role) -> Actor {
        let new = NewPerson {
            id: name.to_lowercase(),
            role,
            name: name.to_owned(),
            skeleton: Skeleton::of(name),
            colour: 1,
            password: Some("kept".to_owned()),
        };
        assert!(self.store.create_person(new).await.unwrap());
        Actor::Person(self.store.person(&name.to_lowercase()).await.unwrap().unwrap())
    }

    async fn session(&self, person: &str) {
        let session = NewSession {
            id: crate::id::new_id(),
            secret: Secret::new().digest(),
            person: person.to_owned(),
            lifetime: 60_000,
            agent: String::new(),
            address: String::new(),
        };
        self.store.begin_session(session).await.unwrap();
    }

    async fn does(&self, by: &Actor, deed: Deed) -> Result<Done, Denied> {
        self.store.administer(by.clone(), deed).await.unwrap()
    }

    /// The audit log as lines, the newest first.
    async fn log(&self) -> Vec<String> {
        let entries = self.store.audit_page(None).await.unwrap();
        let line = |entry: AuditEntry| {
            format!("{} {} {} {}", entry.by, entry.what, entry.about, entry.detail)
        };
        entries.into_iter().map(line).collect()
    }

    async fn sql(&self, sql: &'static str) {
        self.store
            .write(move |within| {
                Box::pin(
                    async move { sqlx::raw_sql(sql).execute(within.connection).await.map(drop) },
                )
            })
            .await
            .unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.store.database.reads()).await.unwrap()
    }
}

fn role(person: &str, role: Role) -> Deed {
    Deed::ChangeRole { person: person.to_owned(), role }
}

fn close(person: &str) -> Deed {
    Deed::Close { person: person.to_owned() }
}

#[tokio::test]
async fn there_is_always_an_owner() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Owner).await;
    for deed in [role("ada", Role::Member), role("ada", Role::Moderator), close("ada")] {
        for by in [&ada, &Actor::CommandLine] {
            assert_eq!(f.does(by, deed.clone()).await, Err(Denied::LastOwner), "{deed:?}");
        }
    }
    f.does(&ada, role("ada", Role::Owner)).await.unwrap();
    let ben = f.person("Ben", Role::Member).await;
    f.does(&ada, role("ben", Role::Owner)).await.unwrap();
    // Each sends the other one away at the same moment: one of them is too late.
    let (first, second) = tokio::join!(f.does(&ada, close("ben")), f.does(&ben, close("ada")));
    assert!(matches!(first, Ok(Done::Person { .. })), "{first:?}");
    assert_eq!(second, Err(Denied::Forbidden));
    assert_eq!(f.does(&ada, close("ada")).await, Err(Denied::LastOwner));
}

#[tokio::test]
async fn the_role_of_now_counts_and_not_that_of_the_request() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Owner).await;
    let ben = f.person("Ben", Role::Owner).await;
    f.person("Eve", Role::Guest).await;
    f.does(&ada, role("ben", Role::Member)).await.unwrap();
    assert_eq!(ben.role(), Role::Owner);
    for deed in [role("ada", Role::Member), close("eve"), Deed::Guests { are_let_in: false }] {
        assert_eq!(f.does(&ben, deed).await, Err(Denied::Forbidden));
    }
    assert_eq!(f.log().await, ["Ada person.role Ben owner → member"]);
}

#[tokio::test]
async fn guests_stay_guests_and_whoever_is_closed_is_gone() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Owner).await;
    f.person("Eve", Role::Guest).await;
    f.person("Ben", Role::Member).await;
    assert_eq!(f.does(&ada, role("eve", Role::Member)).await, Err(Denied::Forbidden));
    assert_eq!(f.does(&ada, role("ben", Role::Guest)).await, Err(Denied::Forbidden));
    f.does(&ada, close("ben")).await.unwrap();
    for deed in [role("ben", Role::Member), close("ben"), close("nobody")] {
        assert_eq!(f.does(&ada, deed).await, Err(Denied::Gone));
    }
    assert_eq!(f.log().await, ["Ada person.close Ben "]);
}

#[tokio::test]
async fn a_closed_account_leaves_nothing_that_gets_in() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Owner).await;
    f.person("Ben", Role::Member).await;
    f.session("ben").await;
    f.session("ada").await;
    let secret = Secret::new().digest();
    let reset = Deed::Reset { person: "ben".to_owned(), secret, lifetime: 60_000 };
    f.does(&ada, reset).await.unwrap();
    f.sql(
        "INSERT INTO passkeys (id, person, name, credential, created_at) VALUES ('p', 'ben', '', '', 0);
         INSERT INTO blocks VALUES ('ben', 'ada');
         UPDATE rooms SET owner = 'ben' WHERE name = 'lobby';
         INSERT INTO members (room, person, role, joined_at) SELECT id, 'ben', 'owner', 0 FROM rooms;",
    )
    .await;
    f.does(&ada, close("ben")).await.unwrap();
    for table in [
        "SELECT count(*) FROM sessions WHERE person = 'ben'",
        "SELECT count(*) FROM passkeys",
        "SELECT count(*) FROM resets",
        "SELECT count(*) FROM blocks",
        "SELECT count(*) FROM members",
        "SELECT count(*) FROM rooms WHERE owner IS NOT NULL",
        "SELECT count(*) FROM people WHERE id = 'ben' AND password IS NOT NULL",
    ] {
        assert_eq!(f.number(table).await, 0, "{table}");
    }
    assert_eq!(f.number("SELECT count(*) FROM sessions").await, 1);
    assert!(!f.store.is_name_taken(&Skeleton::of("Ben")).await.unwrap());
}

#[tokio::test]
async fn a_link_replaces_those_before() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Owner).await;
    f.person("Ben", Role::Member).await;
    for person in ["ben", "ben", "ada"] {
        let secret = Secret::new().digest();
        let deed = Deed::Reset { person: person.to_owned(), secret, lifetime: 60_000 };
        let done = f.does(&ada, deed).await.unwrap();
        let Done::Link { expires_at } = done else { panic!("{done:?}") };
        assert!((expires_at - now() - 60_000).abs() < 30_000, "{expires_at}");
    }
    assert_eq!(f.number("SELECT count(*) FROM resets").await, 2);
    assert_eq!(f.log().await[..2], ["Ada person.reset Ada ", "Ada person.reset Ben "]);
}

#[tokio::test]
async fn sessions_end_and_are_counted() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Moderator).await;
    f.person("Ben", Role::Member).await;
    f.session("ben").await;
    f.session("ben").await;
    let row = f.store.person_row("ben", now()).await.unwrap().unwrap();
    assert_eq!(row.sessions, 2);
    f.does(&ada, Deed::EndSessions { person: "ben".to_owned() }).await.unwrap();
    assert_eq!(f.store.person_row("ben", now()).await.unwrap().unwrap().sessions, 0);
    assert_eq!(f.log().await, ["Ada person.end_sessions Ben 2"]);
}

#[tokio::test]
async fn without_guests_their_sessions_are_over() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Owner).await;
    f.person("Eve", Role::Guest).await;
    for person in ["ada", "eve", "eve"] {
        f.session(person).await;
    }
    let off = f.does(&ada, Deed::Guests { are_let_in: false }).await;
    let Ok(Done::Guests { ended }) = off else { panic!("{off:?}") };
    assert_eq!(ended.len(), 2);
    assert_eq!(f.number("SELECT count(*) FROM sessions").await, 1);
    let on = f.does(&Actor::CommandLine, Deed::Guests { are_let_in: true }).await;
    assert_eq!(on, Ok(Done::Guests { ended: vec![] }));
    assert_eq!(f.log().await, ["command line settings guests on", "Ada settings guests off"]);
}

#[tokio::test]
async fn a_room_goes_with_all_that_was_said_and_the_first_one_stays() {
    let f = Fixture::new().await;
    let ada = f.person("Ada", Role::Moderator).await;
    f.sql(
        "INSERT INTO rooms (id, name, public_id, title, kind, created_at)
             VALUES (7, 'tea', 'tea-id', 'Tea', 'open', 0),
                    (8, char(1) || 'den-id', 'den-id', 'Den', 'invited', 0);
         INSERT INTO messages (room_id, name, msg, at) VALUES (7, 'x', 'x', 0), (8, 'x', 'x', 0);
         INSERT INTO members (room, person, role, joined_at) VALUES (7, 'ada', 'member', 0);",
    )
    .await;
    let delete = |room: &str| Deed::DeleteRoom { room: room.to_owned() };
    let done = f.does(&ada, delete("tea-id")).await.unwrap();
    let Done::Room { room, members } = done else { panic!("{done:?}") };
    assert_eq!((room.name.as_str(), room.kind), ("tea", RoomKind::Open));
    assert_eq!(members, ["ada"]);
    assert_eq!(f.does(&ada, delete("tea-id")).await, Err(Denied::Gone));
    f.does(&ada, delete("den-id")).await.unwrap();
    assert_eq!(f.does(&ada, delete("")).await, Err(Denied::Gone));
    assert_eq!(f.store.census(now()).await.unwrap().rooms, 1);
    while f.store.sweep().await.unwrap() {}
    assert_eq!(f.number("SELECT count(*) FROM messages").await, 0);
    assert_eq!(f.number("SELECT count(*) FROM members").await, 0);
    let first = f.store.room_rows(None, None).await.unwrap().unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(f.does(&ada, delete(&first[0].row.id)).await, Err(Denied::Forbidden));
    // The title of a room by invitation is for those who are in it.
    assert_eq!(f.log().await, ["Ada room.delete den-id ", "Ada room.delete Tea "]);
}

#[tokio::test]
async fn rooms_have_titles_for_those_who_may_know_them() {
    let f = Fixture::new().await;
    f.person("Ada", Role::Moderator).await;
    f.person("Ben", Role::Moderator).await;
    f.sql(
        "INSERT INTO rooms (id, name, public_id, title, kind, owner, created_at, active_at) VALUES
             (7, 'tea', 'tea-id', 'Tea', 'password', 'ada', 0, 3),
             (8, char(1) || 'den-id', 'den-id', 'Den', 'invited', 'ada', 0, 2),
             (9, char(1) || 'dm-id', 'dm-id', '', 'direct', NULL, 0, 1);
         INSERT INTO messages (room_id, name, msg, at) VALUES (8, 'x', 'x', 0), (8, 'x', 'x', 0);
         INSERT INTO members (room, person, role, joined_at) VALUES
             (8, 'ada', 'owner', 0), (8, 'ben', 'banned', 0);",
    )
    .await;
    let titles = async |viewer: Option<&str>| -> Vec<String> {
        let rooms = f.store.room_rows(None, viewer).await.unwrap().unwrap();
        rooms.into_iter().map(|room| room.row.title).collect()
    };
    assert_eq!(titles(Some("ada")).await, ["lobby", "Tea", "Den", ""]);
    for outside in [Some("ben"), Some("nobody"), None] {
        assert_eq!(titles(outside).await, ["lobby", "Tea", "", ""], "{outside:?}");
    }
    let rooms = f.store.room_rows(Some("tea-id"), None).await.unwrap().unwrap();
    assert_eq!(rooms.len(), 2);
    let rooms: Vec<_> = rooms.into_iter().map(|room| room.row).collect();
    assert_eq!((rooms[0].members, rooms[0].messages), (1, 2));
    assert_eq!(rooms[0].owner.as_ref().map(|owner| owner.name.as_str()), Some("Ada"));
    assert_eq!(rooms[1].kind, RoomKind::Direct);
    assert!(f.store.room_rows(Some("nothing"), None).await.unwrap().is_none());
}

#[tokio::test]
async fn people_come_in_pages_and_are_found_in_any_case() {
    let f = Fixture::new().await;
    for n in 0..PAGE_MAX {
        f.person(&format!("Member{n:03}"), Role::Member).await;
    }
    f.person("Élan", Role::Owner).await;
    f.person("Aguest", Role::Guest).await;
    let first = f.store.people_page(None, "", now()).await.unwrap().unwrap();
    assert_eq!(first.people.len(), PAGE_MAX);
    let after = first.next.unwrap();
    assert_eq!(after, "member099");
    let second = f.store.people_page(Some(&after), "", now()).await.unwrap().unwrap();
    let names = |page: &PeoplePage| -> Vec<String> {
        page.people.iter().map(|row| row.person.name.clone()).collect()
    };
    assert_eq!(names(&second), ["Élan", "Aguest"]);
    assert_eq!(second.next, None);
    let found = f.store.people_page(None, " éL", now()).await.unwrap().unwrap();
    assert_eq!(names(&found), ["Élan"]);
    let found = f.store.people_page(Some("member010"), "member01", now()).await.unwrap().unwrap();
    assert_eq!(found.people.len(), 9);
    assert!(f.store.people_page(Some("nobody"), "", now()).await.unwrap().is_none());
}

#[tokio::test]
async fn somebody_is_found_by_id_or_by_the_name_of_an_account() {
    let f = Fixture::new().await;
    f.person("Ada", Role::Member).await;
    f.person("Eve", Role::Guest).await;
    let found = async |text: &str| -> Vec<String> {
        let found = f.store.people_called(text).await.unwrap();
        found.into_iter().map(|person| person.id).collect()
    };
    assert_eq!(found("Ada").await, ["ada"]);
    assert_eq!(found(" Ada ").await, ["ada"], "in the one form of names");
    assert_eq!(found("ada").await, ["ada"]);
    assert_eq!(found("eve").await, ["eve"]);
    for nobody in ["Eve", "ADA", "", "nobody", "A\u{434}a"] {
        assert!(found(nobody).await.is_empty(), "{nobody:?}");
    }
    // Whoever is called like somebody's id.
    f.sql("UPDATE people SET id = 'third' WHERE id = 'ada'; UPDATE people SET name = 'eve' WHERE id = 'third'")
        .await;
    assert_eq!(found("eve").await.len(), 2);
    f.does(&Actor::CommandLine, close("eve")).await.unwrap();
    assert_eq!(found("eve").await, ["third"]);
}

#[tokio::test]
async fn the_log_keeps_the_newest_entries() {
    let f = Fixture::new().await;
    f.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO audit (at, actor, what, about, detail) SELECT 0, '', '', '', i FROM n",
    )
    .await;
    let entry = |detail: &str| NewAuditEntry {
        by: "Ada".to_owned(),
        what: "room.delete",
        about: "Tea".to_owned(),
        detail: detail.to_owned(),
    };
    f.store.audit(entry("first")).await.unwrap();
    f.store.audit(entry("second")).await.unwrap();
    assert_eq!(f.number("SELECT count(*) FROM audit").await, AUDIT_ENTRIES_MAX);
    assert_eq!(f.number("SELECT min(id) FROM audit").await, 3);
    let page = f.store.audit_page(None).await.unwrap();
    assert_eq!(page.len(), PAGE_MAX);
    assert_eq!((page[0].detail.as_str(), page[1].detail.as_str()), ("second", "first"));
    let older = f.store.audit_page(Some(page[1].id)).await.unwrap();
    assert_eq!(older[0].detail, "100000");
    assert!(f.store.audit_page(Some(3)).await.unwrap().is_empty());
}

#[tokio::test]
async fn everything_is_counted() {
    let f = Fixture::new().await;
    f.person("Ada", Role::Owner).await;
    f.person("Ben", Role::Member).await;
    f.person("Eve", Role::Guest).await;
    f.session("ben").await;
    // Of the notes' chat.
    f.sql("INSERT INTO people (id, role, name, colour, visitor, created_at) VALUES ('v', 'guest', 'V', 0, 'x', 0)")
        .await;
    f.sql("INSERT INTO messages (room_id, name, msg, at) SELECT id, 'x', 'x', 0 FROM rooms").await;
    // The same file twice is there once.
    f.sql(
        "INSERT INTO pictures (id, room, person, file, thumbnail, width, height, bytes, is_animated, created_at)
         SELECT column1, id, 'ben', column2, 't', 1, 1, column3, 0, 0
         FROM (SELECT id FROM rooms LIMIT 1), (VALUES ('a', 'same', 70), ('b', 'same', 70), ('c', 'other', 5))",
    )
    .await;
    f.does(&Actor::CommandLine, close("eve")).await.unwrap();
    let census = f.store.census(now()).await.unwrap();
    assert_eq!(census.picture_bytes, 75);
    assert_eq!((census.accounts, census.guests, census.sessions), (2, 0, 1));
    assert_eq!((census.rooms, census.messages, census.free_bytes_min), (1, 1, 7));
    assert_eq!(f.store.people_page(None, "", now()).await.unwrap().unwrap().people.len(), 2);
    assert!(census.database_bytes > 4_096 && census.free_bytes.is_some_and(|bytes| bytes > 0));
    assert_eq!(f.store.census(i64::MAX).await.unwrap().sessions, 0);
    f.store.close().await;
}
