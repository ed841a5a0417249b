//! People and invitations, where rooms and messages have a part in it.

use super::*;
use crate::accounts::contract::Role;
use crate::accounts::store::{
    AccountStore as _, Changed, Made, NewLooks, NewPerson, NewSession, Right,
};
use crate::id::{Secret, new_id};
use crate::invitations::INVITATIONS_MAX;
use crate::invitations::store::{Accepted, InvitationMade, InvitationStore as _, NewInvitation};
use crate::names::Skeleton;

/// A store and a connection beside it, for what no method does.
struct Fixture {
    store: Sqlite,
    side: SqliteConnection,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = open(folder.path()).await.unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME));
        let side = SqliteConnection::connect_with(&options).await.unwrap();
        Fixture { store, side, _folder: folder }
    }

    async fn run(&mut self, sql: &'static str, values: &[&str]) {
        let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
        query.execute(&mut self.side).await.unwrap();
    }

    async fn person(&self, name: &str, role: Role) -> String {
        let new = new_person(name, role);
        let id = new.id.clone();
        assert!(self.store.create_person(new).await.unwrap());
        id
    }

    /// A room of this kind; whoever is named is this in it.
    async fn room(&mut self, id: &str, kind: &str, members: &[(&str, &str)]) {
        self.run(
            "INSERT INTO rooms (public_id, name, title, kind, created_at)
             VALUES (?1, ?1, 'title of ' || ?1, ?2, 0)",
            &[id, kind],
        )
        .await;
        for (person, role) in members {
            let insert = "INSERT INTO members (room, person, role, joined_at)
                          SELECT id, ?2, ?3, 0 FROM rooms WHERE public_id = ?1";
            self.run(insert, &[id, person, role]).await;
        }
    }

    async fn invite(&self, by: &str, room: &str, uses: Option<u32>) -> (InvitationMade, Secret) {
        let code = Secret::new();
        let new = NewInvitation {
            id: new_id(),
            code: code.digest(),
            role: Role::Member,
            room: Some(room.to_owned()),
            uses,
            by: Some(by.to_owned()),
            lifetime: 60_000,
        };
        (self.store.make_invitation(new).await.unwrap(), code)
    }

    async fn role_in(&mut self, room: &str, person: &str) -> Option<String> {
        sqlx::query_scalar(
            "SELECT m.role FROM members m JOIN rooms r ON r.id = m.room
             WHERE public_id = ?1 AND person = ?2",
        )
        .bind(room)
        .bind(person)
        .fetch_optional(&mut self.side)
        .await
        .unwrap()
    }
}

fn new_person(name: &str, role: Role) -> NewPerson {
    let password = (role != Role::Guest).then(|| "hash".to_owned());
    let (id, skeleton) = (new_id(), Skeleton::of(name));
    NewPerson { id, role, name: name.to_owned(), skeleton, colour: 0, password }
}

fn session(person: &str) -> (NewSession, Secret) {
    let secret = Secret::new();
    let session = NewSession {
        id: new_id(),
        secret: secret.digest(),
        person: person.to_owned(),
        lifetime: 60_000,
        agent: String::new(),
        address: String::new(),
    };
    (session, secret)
}

#[tokio::test]
async fn whoever_may_invite_into_a_room_is_a_moderator_of_it() {
    let mut fixture = Fixture::new().await;
    let owner = fixture.person("Olga", Role::Owner).await;
    let moderator = fixture.person("Moritz", Role::Moderator).await;
    let member = fixture.person("Mia", Role::Member).await;
    let other = fixture.person("Otto", Role::Member).await;
    for kind in ["open", "password", "invited", "direct"] {
        let members = [(&*member, "moderator"), (&*other, "member")];
        fixture.room(kind, kind, &members).await;
    }
    for (by, room, expected) in [
        (&member, "open", "done"),
        (&member, "password", "done"),
        (&member, "invited", "done"),
        (&member, "direct", "gone"),
        (&other, "open", "forbidden"),
        (&other, "password", "forbidden"),
        (&other, "invited", "forbidden"),
        // Who governs the server reads nothing that they are not invited to.
        (&owner, "open", "done"),
        (&owner, "password", "forbidden"),
        (&owner, "invited", "gone"),
        (&moderator, "open", "done"),
        (&moderator, "invited", "gone"),
        (&owner, "nothing", "gone"),
    ] {
        let (made, code) = fixture.invite(by, room, None).await;
        let told = match made {
            InvitationMade::Done(_) => "done",
            InvitationMade::Forbidden => "forbidden",
            InvitationMade::Gone => "gone",
            InvitationMade::Full => "full",
        };
        assert_eq!(told, expected, "{room}");
        let is_there = fixture.store.look_at_invitation(&code.digest(), 0).await.unwrap().is_some();
        assert_eq!(is_there, expected == "done", "{room}");
    }
    // Titles are for those who may know of the room.
    let titles = async |viewer: &str| -> Vec<String> {
        let all = fixture.store.invitations(Some(viewer)).await.unwrap();
        all.into_iter()
            .filter_map(|it| it.room)
            .filter(|it| it.0 == "invited")
            .map(|it| it.1)
            .collect()
    };
    assert_eq!(titles(&member).await, ["title of invited"]);
    assert_eq!(titles(&owner).await, [""]);
}

#[tokio::test]
async fn an_invitation_into_a_room_is_used_by_whoever_is_new_there() {
    let mut fixture = Fixture::new().await;
    let maker = fixture.person("Mia", Role::Member).await;
    let guest = fixture.person("Gast", Role::Guest).await;
    let banned = fixture.person("Bernd", Role::Member).await;
    let other = fixture.person("Otto", Role::Member).await;
    fixture.room("r", "invited", &[(&maker, "owner"), (&banned, "banned")]).await;
    let (made, code) = fixture.invite(&maker, "r", Some(1)).await;
    assert!(matches!(made, InvitationMade::Done(_)), "{made:?}");
    let code = code.digest();
    let accept = async |person: &str| fixture.store.accept_invitation(code, person).await.unwrap();
    assert_eq!(accept(&maker).await, Accepted::Room("r".to_owned(), false));
    assert_eq!(accept(&banned).await, Accepted::Banned);
    assert_eq!(accept(&guest).await, Accepted::Room("r".to_owned(), true));
    assert_eq!(accept(&guest).await, Accepted::Room("r".to_owned(), false));
    assert_eq!(accept(&other).await, Accepted::Over);
    assert_eq!(accept(&banned).await, Accepted::Over, "that there is the room is nothing for them");
    assert_eq!(fixture.role_in("r", &guest).await.as_deref(), Some("member"));
    assert_eq!(fixture.role_in("r", &banned).await.as_deref(), Some("banned"));
    assert_eq!(fixture.role_in("r", &maker).await.as_deref(), Some("owner"));
    assert_eq!(fixture.role_in("r", &other).await, None);
    // Whoever made it is no moderator of the room any more.
    let (_, code) = fixture.invite(&maker, "r", None).await;
    let code = code.digest();
    assert!(fixture.store.look_at_invitation(&code, 0).await.unwrap().is_some());
    fixture.run("UPDATE members SET role = 'member' WHERE person = ?1", &[&maker]).await;
    assert!(fixture.store.look_at_invitation(&code, 0).await.unwrap().is_none());
    assert_eq!(fixture.store.accept_invitation(code, &other).await.unwrap(), Accepted::Over);
    // The room is gone, and its invitations with it.
    fixture.run("DELETE FROM rooms WHERE public_id = ?1", &["r"]).await;
    assert!(fixture.store.invitations(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_account_is_in_the_room_that_it_was_invited_to() {
    let mut fixture = Fixture::new().await;
    let maker = fixture.person("Mia", Role::Moderator).await;
    fixture.room("r", "invited", &[(&maker, "owner")]).await;
    let (_, code) = fixture.invite(&maker, "r", Some(1)).await;
    let right = Right::Invited { code: code.digest(), guest: None };
    let new = new_person("Neu", Role::Owner);
    let made = fixture.store.create_account(new, right.clone(), None).await.unwrap();
    let Made::Done { person, .. } = made else { panic!("{made:?}") };
    assert_eq!(person.role, Role::Member, "the invitation decides");
    assert_eq!(fixture.role_in("r", &person.id).await.as_deref(), Some("member"));
    let again = fixture.store.create_account(new_person("Neuer", Role::Member), right, None).await;
    assert_eq!(again.unwrap(), Made::NoRight);
    let back = fixture.store.accept_invitation(code.digest(), &person.id).await.unwrap();
    assert_eq!(back, Accepted::Room("r".to_owned(), false), "the page finds the way there");
}

#[tokio::test]
async fn so_many_invitations_and_no_more() {
    let fixture = Fixture::new().await;
    let owner = fixture.person("Olga", Role::Owner).await;
    let invite = async |lifetime: i64| {
        let (id, by) = (new_id(), Some(owner.clone()));
        let code = Secret::new().digest();
        let new =
            NewInvitation { id, code, role: Role::Member, room: None, uses: None, by, lifetime };
        fixture.store.make_invitation(new).await.unwrap()
    };
    assert_eq!(invite(0).await, InvitationMade::Forbidden, "it would be over at once");
    for _ in 0..INVITATIONS_MAX {
        assert!(matches!(invite(60_000).await, InvitationMade::Done(_)));
    }
    assert_eq!(invite(60_000).await, InvitationMade::Full);
}

#[tokio::test]
async fn of_a_closed_account_only_what_was_said_is_left() {
    let mut fixture = Fixture::new().await;
    fixture.person("Olga", Role::Owner).await;
    let (ann, ben) =
        (fixture.person("Ann", Role::Member).await, fixture.person("Ben", Role::Member).await);
    fixture.room("r", "open", &[(&ann, "owner"), (&ben, "member")]).await;
    fixture.room("d", "direct", &[(&ann, "member"), (&ben, "member")]).await;
    fixture.room("b", "open", &[(&ann, "banned")]).await;
    fixture.run("UPDATE rooms SET owner = ?1 WHERE public_id = 'r'", &[&ann]).await;
    fixture
        .run(
            "INSERT INTO messages (room_id, name, msg, at, sender, person)
             SELECT id, 'Ann', 'hello', 1, 'x', ?1 FROM rooms WHERE public_id = 'r'",
            &[&ann],
        )
        .await;
    fixture.store.block(&ann, &ben, true).await.unwrap();
    let (session, secret) = session(&ann);
    fixture.store.begin_session(session.clone()).await.unwrap();
    let code = Secret::new().digest();
    fixture.store.make_reset(&ann, code, 60_000).await.unwrap().unwrap();
    let (made, invitation) = fixture.invite(&ann, "r", None).await;
    assert!(matches!(made, InvitationMade::Done(_)));
    let closed = fixture.store.close_person(&ann).await.unwrap();
    let Changed::Done(person, ended) = closed else { panic!("{closed:?}") };
    assert_eq!((&*person.name, ended), ("Ann", vec![session.id]));
    assert!(fixture.store.session(&secret.digest(), 0).await.unwrap().is_none());
    assert!(fixture.store.reset(&code, 0).await.unwrap().is_none());
    let (again, _) = self::session(&ann);
    assert!(fixture.store.use_reset(code, "hash".into(), again).await.unwrap().is_none());
    assert!(fixture.store.look_at_invitation(&invitation.digest(), 0).await.unwrap().is_none());
    assert!(fixture.store.blocked(&ann).await.unwrap().is_empty());
    assert_eq!(fixture.role_in("r", &ann).await, None);
    assert_eq!(fixture.role_in("d", &ann).await.as_deref(), Some("member"));
    assert_eq!(fixture.role_in("b", &ann).await.as_deref(), Some("banned"));
    let left: (String, Option<String>) = sqlx::query_as(
        "SELECT m.name, r.owner FROM messages m JOIN rooms r ON r.id = m.room_id WHERE m.person = ?1",
    )
    .bind(&ann)
    .fetch_one(&mut fixture.side)
    .await
    .unwrap();
    assert_eq!(left, ("Ann".to_owned(), None));
    assert!(!fixture.store.is_name_taken(&Skeleton::of("Ann")).await.unwrap());
    for changed in [
        fixture.store.close_person(&ann).await.unwrap(),
        fixture.store.set_role(&ann, Role::Owner).await.unwrap(),
        fixture.store.change_looks(&ann, NewLooks::default()).await.unwrap(),
    ] {
        assert_eq!(changed, Changed::Gone);
    }
}

#[tokio::test]
async fn there_is_always_an_owner() {
    let fixture = Fixture::new().await;
    let (one, other) =
        (fixture.person("Olga", Role::Owner).await, fixture.person("Otilie", Role::Owner).await);
    let guest = fixture.person("Gast", Role::Guest).await;
    let role = async |id: &str, role| fixture.store.set_role(id, role).await.unwrap();
    assert_eq!(role(&guest, Role::Member).await, Changed::Gone, "guests stay guests");
    assert_eq!(role(&one, Role::Guest).await, Changed::Gone, "and nobody becomes one");
    // Both at once: one of them stays.
    let (a, b) = tokio::join!(role(&one, Role::Member), role(&other, Role::Member));
    assert!(matches!(a, Changed::Done(..)), "{a:?}");
    assert_eq!(b, Changed::LastOwner);
    assert_eq!(fixture.store.close_person(&other).await.unwrap(), Changed::LastOwner);
    assert!(matches!(role(&one, Role::Owner).await, Changed::Done(..)));
    assert!(matches!(fixture.store.close_person(&other).await.unwrap(), Changed::Done(..)));
    assert!(fixture.store.has_owner().await.unwrap());
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_begins_no_session() {
    let fixture = Fixture::new().await;
    let ann = fixture.person("Ann", Role::Member).await;
    let set = async |to: &str, old: &str| {
        let (session, _) = session(&ann);
        let set = fixture.store.set_password(to.to_owned(), old.to_owned(), session);
        set.await.unwrap().is_some()
    };
    assert!(set("hash 2", "hash").await);
    assert!(!set("hash 3", "hash").await);
    let (session, secret) = session(&ann);
    assert_eq!(fixture.store.log_in(session.clone(), "hash".into()).await.unwrap(), None);
    assert!(fixture.store.session(&secret.digest(), 0).await.unwrap().is_none());
    assert!(fixture.store.log_in(session, "hash 2".into()).await.unwrap().is_some());
}

#[tokio::test]
async fn guests_who_said_nothing_are_forgotten_and_the_others_are_not() {
    let mut fixture = Fixture::new().await;
    let (silent, spoke) =
        (fixture.person("Silent", Role::Guest).await, fixture.person("Spoke", Role::Guest).await);
    let (inside, here) =
        (fixture.person("Inside", Role::Guest).await, fixture.person("Here", Role::Guest).await);
    let account = fixture.person("Ann", Role::Member).await;
    fixture.room("r", "open", &[(&inside, "member")]).await;
    fixture
        .run(
            "INSERT INTO messages (room_id, name, msg, at, sender, person)
             SELECT id, 'Spoke', 'hello', 1, 'x', ?1 FROM rooms WHERE public_id = 'r'",
            &[&spoke],
        )
        .await;
    post(&fixture.store, message("notes", "hello")).await.unwrap();
    fixture.run("UPDATE people SET created_at = 1", &[]).await;
    let (session, secret) = session(&here);
    fixture.store.begin_session(session).await.unwrap();
    while fixture.store.forget_what_is_over().await.unwrap() {}
    assert!(fixture.store.person(&silent).await.unwrap().is_none());
    for id in [&spoke, &inside, &here, &account] {
        assert!(fixture.store.person(id).await.unwrap().is_some());
    }
    fixture.run("UPDATE sessions SET expires_at = 1", &[]).await;
    while fixture.store.forget_what_is_over().await.unwrap() {}
    assert!(fixture.store.person(&here).await.unwrap().is_none());
    assert!(fixture.store.session(&secret.digest(), 0).await.unwrap().is_none());
    let guests: i64 = sqlx::query_scalar("SELECT count(*) FROM people WHERE visitor IS NOT NULL")
        .fetch_one(&mut fixture.side)
        .await
        .unwrap();
    assert_eq!(guests, 1, "those of the notes' chat are known by what they said");
}
