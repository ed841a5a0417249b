//! Everything that can be asked of the chat, and what it answers to whom: the only place where it is written down.
//!
//! A word is the code of the refusal, or `ok`.

/// The columns of [`EVENTS`]: people as they stand to the room that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Guest,
    /// An account that is in another room only.
    Outsider,
    Member,
    /// Was a member, until somebody removed them.
    Removed,
    Banned,
    Muted,
    /// Of the room.
    Moderator,
    /// Of the room.
    Owner,
    ServerModerator,
    ServerOwner,
}

impl Who {
    pub(crate) const ALL: [Who; 10] = [
        Who::Guest,
        Who::Outsider,
        Who::Member,
        Who::Removed,
        Who::Banned,
        Who::Muted,
        Who::Moderator,
        Who::Owner,
        Who::ServerModerator,
        Who::ServerOwner,
    ];

    /// Whether they belong to the room.
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Who::Member | Who::Muted | Who::Moderator | Who::Owner)
    }
}

/// Who may enter the room that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Password,
    Invited,
    Direct,
}

impl Kind {
    /// Whether nobody but its members may know of it.
    pub(crate) fn is_hidden(self) -> bool {
        matches!(self, Kind::Invited | Kind::Direct)
    }
}

/// An event of `/chat` about a room, asked by everybody.
#[derive(Debug)]
pub(crate) struct RoomEvent {
    pub(crate) name: &'static str,
    /// Its payload in JSON; `$room` stands for the room, `$person` for a member, `$banned` for whoever is banned,
    /// `$text` for what only those may read who are in it, `$message` for the id of a message there.
    pub(crate) payload: &'static str,
    /// Whether the room is otherwise once it was done.
    pub(crate) changes: bool,
    /// For each kind of room the word for each column.
    pub(crate) told: [(Kind, &'static str); 4],
}

use Kind::{Direct, Invited, Open, Password};

/// For whom the room is open.
#[rustfmt::skip]
const INSIDE: [(Kind, &str); 4] = [
    //         guest          outsider       member    removed        banned     muted     moderator owner     server moderator and owner
    (Open,     "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
    (Password, "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
    (Invited,  "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
    (Direct,   "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
];

/// Whoever belongs to the room.
#[rustfmt::skip]
const MEMBERS: [(Kind, &str); 4] = [
    (Open,     "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    (Password, "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    (Invited,  "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    (Direct,   "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
];

#[rustfmt::skip]
pub(crate) const ROOM_EVENTS: &[RoomEvent] = &[
    //                                       guest          outsider       member    removed        banned     muted     moderator owner     server moderator and owner
    RoomEvent { name: "open", payload: r#"{"room":"$room"}"#, changes: true, told: [
        (Open,     "ok             ok             ok        ok             banned     ok        ok        ok        ok             ok"),
        (Password, "wrong_password wrong_password ok        wrong_password banned     ok        ok        ok        wrong_password wrong_password"),
        (Invited,  "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
        (Direct,   "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    ] },
    RoomEvent { name: "close", payload: r#"{"room":"$room"}"#, changes: true, told: [
        (Open,     "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
        (Password, "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
        (Invited,  "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
        (Direct,   "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
    ] },
    RoomEvent { name: "leave", payload: r#"{"room":"$room"}"#, changes: true, told: [
        (Open,     "not_member     not_member     ok        not_member     not_member ok        ok        last_owner not_member     not_member"),
        (Password, "not_member     not_member     ok        not_member     not_member ok        ok        last_owner not_member     not_member"),
        (Invited,  "gone           gone           ok        gone           gone       ok        ok        last_owner gone           gone"),
        (Direct,   "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    ] },
    RoomEvent { name: "keep", payload: r#"{"room":"$room","is_pinned":true}"#, changes: false, told: [
        (Open,     "not_member     not_member     ok        not_member     not_member ok        ok        ok        not_member     not_member"),
        (Password, "not_member     not_member     ok        not_member     not_member ok        ok        ok        not_member     not_member"),
        (Invited,  "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
        (Direct,   "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    ] },
    RoomEvent { name: "change", payload: r#"{"room":"$room","capacity":50}"#, changes: false, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        ok             ok"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        ok             ok"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden forbidden ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "delete", payload: r#"{"room":"$room"}"#, changes: true, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        ok             ok"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        ok             ok"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden forbidden ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "hand_over", payload: r#"{"room":"$room","person":"$person"}"#, changes: true, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        forbidden      forbidden"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        forbidden      forbidden"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden forbidden ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "promote", payload: r#"{"room":"$room","person":"$person","role":"moderator"}"#, changes: true, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        forbidden      forbidden"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden forbidden ok        forbidden      forbidden"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden forbidden ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "remove", payload: r#"{"room":"$room","person":"$person"}"#, changes: true, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden ok        ok        ok             ok"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden ok        ok        ok             ok"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden ok        ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "unban", payload: r#"{"room":"$room","person":"$banned"}"#, changes: true, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden ok        ok        ok             ok"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden ok        ok        ok             ok"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden ok        ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "mute", payload: r#"{"room":"$room","person":"$person","seconds":60}"#, changes: false, told: [
        (Open,     "forbidden      forbidden      forbidden forbidden      forbidden  forbidden ok        ok        ok             ok"),
        (Password, "forbidden      forbidden      forbidden forbidden      forbidden  forbidden ok        ok        ok             ok"),
        (Invited,  "gone           gone           forbidden gone           gone       forbidden ok        ok        gone           gone"),
        (Direct,   "gone           gone           forbidden gone           gone       forbidden forbidden forbidden gone           gone"),
    ] },
    RoomEvent { name: "members", payload: r#"{"room":"$room"}"#, changes: false, told: [
        (Open,     "not_opened     not_opened     ok        not_opened     banned     ok        ok        ok        not_opened     not_opened"),
        (Password, "not_opened     not_opened     ok        not_opened     banned     ok        ok        ok        not_opened     not_opened"),
        (Invited,  "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
        (Direct,   "gone           gone           ok        gone           gone       ok        ok        ok        gone           gone"),
    ] },
    RoomEvent { name: "say", payload: r#"{"room":"$room","text":"$text","key":"$key"}"#, changes: false, told: [
        (Open,     "not_opened     not_opened     ok        not_opened     not_opened muted     ok        ok        not_opened     not_opened"),
        (Password, "not_opened     not_opened     ok        not_opened     not_opened muted     ok        ok        not_opened     not_opened"),
        (Invited,  "not_opened     not_opened     ok        not_opened     not_opened muted     ok        ok        not_opened     not_opened"),
        (Direct,   "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
    ] },
    RoomEvent { name: "history", payload: r#"{"room":"$room"}"#, changes: false, told: INSIDE },
    RoomEvent { name: "history", payload: r#"{"room":"$room","around":$message}"#, changes: false, told: INSIDE },
    RoomEvent { name: "edits", payload: r#"{"room":"$room","message":$message}"#, changes: false, told: INSIDE },
    RoomEvent { name: "reactors", payload: r#"{"room":"$room","message":$message,"emoji":"👍"}"#, changes: false, told: INSIDE },
    RoomEvent { name: "readers", payload: r#"{"room":"$room","message":$message}"#, changes: false, told: INSIDE },
    RoomEvent { name: "react", payload: r#"{"room":"$room","message":$message,"emoji":"👍","is_on":true}"#, changes: false, told: [
        (Open,     "not_opened     not_opened     ok        not_opened     not_opened muted     ok        ok        not_opened     not_opened"),
        (Password, "not_opened     not_opened     ok        not_opened     not_opened muted     ok        ok        not_opened     not_opened"),
        (Invited,  "not_opened     not_opened     ok        not_opened     not_opened muted     ok        ok        not_opened     not_opened"),
        (Direct,   "not_opened     not_opened     ok        not_opened     not_opened ok        ok        ok        not_opened     not_opened"),
    ] },
    // It is a message of the member's.
    RoomEvent { name: "edit", payload: r#"{"room":"$room","message":$message,"text":"$text"}"#, changes: false, told: [
        (Open,     "not_opened     not_opened     ok        not_opened     not_opened forbidden forbidden forbidden not_opened     not_opened"),
        (Password, "not_opened     not_opened     ok        not_opened     not_opened forbidden forbidden forbidden not_opened     not_opened"),
        (Invited,  "not_opened     not_opened     ok        not_opened     not_opened forbidden forbidden forbidden not_opened     not_opened"),
        (Direct,   "not_opened     not_opened     ok        not_opened     not_opened forbidden forbidden forbidden not_opened     not_opened"),
    ] },
    RoomEvent { name: "delete_message", payload: r#"{"room":"$room","message":$message}"#, changes: true, told: [
        (Open,     "not_opened     not_opened     ok        not_opened     not_opened forbidden ok        ok        not_opened     not_opened"),
        (Password, "not_opened     not_opened     ok        not_opened     not_opened forbidden ok        ok        not_opened     not_opened"),
        (Invited,  "not_opened     not_opened     ok        not_opened     not_opened forbidden ok        ok        not_opened     not_opened"),
        (Direct,   "not_opened     not_opened     ok        not_opened     not_opened forbidden forbidden forbidden not_opened     not_opened"),
    ] },
    RoomEvent { name: "read", payload: r#"{"room":"$room","message":$message}"#, changes: false, told: MEMBERS },
    RoomEvent { name: "unread", payload: r#"{"room":"$room","message":$message}"#, changes: false, told: MEMBERS },
    // Whether it was heeded is not told to whoever types.
    RoomEvent { name: "typing", payload: r#"{"room":"$room","is_typing":true}"#, changes: false, told: [
        (Open,     "ok             ok             ok        ok             ok         ok        ok        ok        ok             ok"),
        (Password, "ok             ok             ok        ok             ok         ok        ok        ok        ok             ok"),
        (Invited,  "ok             ok             ok        ok             ok         ok        ok        ok        ok             ok"),
        (Direct,   "ok             ok             ok        ok             ok         ok        ok        ok        ok             ok"),
    ] },
];

/// What is asked of the pictures of a room, over HTTP, by everybody: the request, and for each kind of room the word
/// for each column.
#[derive(Debug)]
pub(crate) struct PictureRequest {
    pub(crate) method: &'static str,
    /// Below that of the room's pictures; `$picture` stands for one that was said there.
    pub(crate) path: &'static str,
    pub(crate) told: [(Kind, &'static str); 4],
}

#[rustfmt::skip]
pub(crate) const PICTURE_REQUESTS: &[PictureRequest] = &[
    //                guest outsider member removed banned muted moderator owner server moderator and owner
    PictureRequest { method: "POST", path: "", told: [
        (Open,     "gone gone ok gone gone muted ok ok gone gone"),
        (Password, "gone gone ok gone gone muted ok ok gone gone"),
        (Invited,  "gone gone ok gone gone muted ok ok gone gone"),
        (Direct,   "gone gone ok gone gone ok    ok ok gone gone"),
    ] },
    PictureRequest { method: "GET", path: "/$picture", told: [
        (Open,     "gone gone ok gone gone ok ok ok gone gone"),
        (Password, "gone gone ok gone gone ok ok ok gone gone"),
        (Invited,  "gone gone ok gone gone ok ok ok gone gone"),
        (Direct,   "gone gone ok gone gone ok ok ok gone gone"),
    ] },
    PictureRequest { method: "GET", path: "/$picture/thumbnail", told: [
        (Open,     "gone gone ok gone gone ok ok ok gone gone"),
        (Password, "gone gone ok gone gone ok ok ok gone gone"),
        (Invited,  "gone gone ok gone gone ok ok ok gone gone"),
        (Direct,   "gone gone ok gone gone ok ok ok gone gone"),
    ] },
];

/// The other events: namespace, name, payload, and the word for guests and for everybody with an account.
pub(crate) const OTHER_EVENTS: &[(&str, &str, &str, [&str; 2])] = &[
    ("/rooms", "list", "{}", ["ok", "ok"]),
    ("/chat", "create", r#"{"title":"$title","kind":"invited"}"#, ["guest_owns_nothing", "ok"]),
    ("/chat", "direct", r#"{"people":["$person"]}"#, ["guest_owns_nothing", "ok"]),
    ("/chat", "people", r#"{"search":"B"}"#, ["guest_owns_nothing", "ok"]),
    ("/chat", "online", "null", ["forbidden", "ok"]),
];

/// The events of the notes' chat, which anybody may send: they have their own tests, and here hostile payloads.
pub(crate) const NOTES_EVENTS: &[&str] = &["join", "chat", "leave"];

/// What the server tells without being asked; whoever is in a room hears all of it.
pub(crate) const TOLD: &[&str] = &[
    "person",
    "me",
    "rooms",
    "membership",
    "room",
    "removed",
    "message",
    "edited",
    "reacted",
    "counts",
    "reading",
];

/// What the server tells because time has passed: tests of their own see to it.
pub(crate) const TOLD_IN_TIME: &[&str] = &["pruned"];

/// The columns of [`ENDPOINTS`]. Whoever's session is expired or ended is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Nobody,
    Guest,
    Member,
    Moderator,
    Owner,
}

impl Level {
    pub(crate) const ALL: [Level; 5] =
        [Level::Nobody, Level::Guest, Level::Member, Level::Moderator, Level::Owner];
}

/// A request, asked by everybody.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    /// As the router has it, below `/api`.
    pub(crate) path: &'static str,
    /// In JSON. `$…` stands for what the test makes new each time.
    pub(crate) body: &'static str,
    /// Whether the one who asks has another session afterwards, or none.
    pub(crate) ends_session: bool,
    pub(crate) told: &'static str,
}

const fn endpoint(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    told: &'static str,
) -> Endpoint {
    Endpoint { method, path, body, ends_session: false, told }
}

const fn ending(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    told: &'static str,
) -> Endpoint {
    Endpoint { method, path, body, ends_session: true, told }
}

#[rustfmt::skip]
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    //                                                                      nobody       guest              member         moderator      owner
    endpoint("GET", "/me", "null",                                         "ok           ok                 ok             ok             ok"),
    endpoint("POST", "/setup", r#"{"code":"$setup","name":"$name","password":"$password"}"#,
                                                                           "gone         gone               gone           gone           gone"),
    ending("POST", "/login", r#"{"name":"Outsider","password":"$password"}"#,
                                                                           "ok           ok                 ok             ok             ok"),
    ending("POST", "/guests", r#"{"name":"$name"}"#,                       "ok           ok                 ok             ok             ok"),
    ending("POST", "/signup", r#"{"code":"$invitation","name":"$name","password":"$password"}"#,
                                                                           "ok           ok                 ok             ok             ok"),
    ending("POST", "/reset", r#"{"code":"$reset","password":"$password"}"#,
                                                                           "ok           ok                 ok             ok             ok"),
    ending("POST", "/logout", "null",                                      "unauthorized ok                 ok             ok             ok"),
    ending("POST", "/logout-everywhere", "null",                           "unauthorized ok                 ok             ok             ok"),
    endpoint("PUT", "/profile", r#"{"colour":7}"#,                         "unauthorized ok                 ok             ok             ok"),
    ending("PUT", "/password", r#"{"old":"$password","new":"$password"}"#, "unauthorized guest_owns_nothing ok             ok             ok"),
    ending("POST", "/account/close", r#"{"password":"$password"}"#,        "unauthorized ok                 ok             ok             ok"),
    endpoint("GET", "/sessions", "null",                                   "unauthorized ok                 ok             ok             ok"),
    endpoint("DELETE", "/sessions/{id}", "null",                           "unauthorized gone               gone           gone           gone"),
    endpoint("PUT", "/blocks/{person}", "null",                            "unauthorized ok                 ok             ok             ok"),
    endpoint("DELETE", "/blocks/{person}", "null",                         "unauthorized ok                 ok             ok             ok"),
    endpoint("GET", "/passkeys", "null",                                   "unauthorized guest_owns_nothing ok             ok             ok"),
    endpoint("DELETE", "/passkeys/{id}", "null",                           "unauthorized guest_owns_nothing gone           gone           gone"),
    endpoint("POST", "/passkeys/register/begin", "null",                   "unauthorized guest_owns_nothing ok             ok             ok"),
    endpoint("POST", "/passkeys/register/finish", "{}",                    "unauthorized bad_request        bad_request    bad_request    bad_request"),
    endpoint("POST", "/passkeys/login/begin", "null",                      "ok           ok                 ok             ok             ok"),
    endpoint("POST", "/passkeys/login/finish", "{}",                       "bad_request  bad_request        bad_request    bad_request    bad_request"),
    endpoint("POST", "/invitations/look", r#"{"code":"$invitation"}"#,     "ok           ok                 ok             ok             ok"),
    endpoint("POST", "/invitations", r#"{"role":"member"}"#,               "unauthorized guest_owns_nothing forbidden      ok             ok"),
    endpoint("GET", "/invitations", "null",                                "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("DELETE", "/invitations/{id}", "null",                        "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("POST", "/invitations/accept", r#"{"code":"$into"}"#,         "unauthorized ok                 ok             ok             ok"),
    endpoint("POST", "/rooms/{room}/pictures", "null",                     "unauthorized gone               gone           gone           gone"),
    endpoint("GET", "/rooms/{room}/pictures/{id}", "null",                 "unauthorized gone               gone           gone           gone"),
    endpoint("GET", "/rooms/{room}/pictures/{id}/thumbnail", "null",       "unauthorized gone               gone           gone           gone"),
    endpoint("GET", "/admin/overview", "null",                             "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("GET", "/admin/people", "null",                               "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("PUT", "/admin/people/{id}", r#"{"role":"member"}"#,          "unauthorized forbidden          forbidden      forbidden      ok"),
    endpoint("POST", "/admin/people/{id}/reset", "null",                   "unauthorized forbidden          forbidden      forbidden      ok"),
    endpoint("POST", "/admin/people/{id}/end-sessions", "null",            "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("POST", "/admin/people/{id}/close", "null",                   "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("GET", "/admin/rooms", "null",                                "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("DELETE", "/admin/rooms/{id}", "null",                        "unauthorized forbidden          forbidden      ok             ok"),
    endpoint("PUT", "/admin/settings", r#"{"has_guests":true}"#,           "unauthorized forbidden          forbidden      forbidden      ok"),
    endpoint("GET", "/admin/audit", "null",                                "unauthorized forbidden          forbidden      ok             ok"),
];

/// What is answered to everybody alike, outside of `/api`.
pub(crate) const PUBLIC: &[&str] = &[
    "/",
    "/room",
    "/room/",
    "/room/{name}",
    "/room/{name}/{message}",
    "/invite",
    "/reset",
    "/setup",
    "/login",
    "/settings",
    "/admin",
    "/robots.txt",
    "/healthz",
    "/readyz",
];

/// What is answered to this machine alone; everybody here comes from elsewhere.
pub(crate) const LOCAL: &[&str] = &["/metrics"];
