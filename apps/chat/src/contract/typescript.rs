//! Writes the page's declarations from the Rust ones and compares them with the committed file.

use std::fmt::Write as _;
use std::path::Path;

use sockeye::Event;
use ts_rs::{Config, TS};

use super::*;
use crate::accounts::contract as accounts;
use crate::admin::contract as admin;
use crate::input;
use crate::invitations::contract as invitations;
use crate::messages::contract as messages;
use crate::presence::contract as presence;
use crate::reading::contract as reading;
use crate::rooms::contract as rooms;

#[test]
fn the_page_knows_the_same_contract() {
    assert_committed("web/src/contract.ts", "contract.rs", &declarations());
}

/// Compares with the committed file, or writes it.
pub(crate) fn assert_committed(path: &str, source: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_CONTRACT").is_some() {
        std::fs::write(&file, expected).unwrap();
    }
    let actual = std::fs::read_to_string(&file).unwrap();
    assert!(
        actual == expected,
        "{path} differs from {source}; write it anew with \
         UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract"
    );
}

fn declarations() -> String {
    let config = Config::new().with_large_int("number");
    let mut out = String::from(
        "// Written from src/contract.rs and those of the features by a test; to change it, change them and run\n\
         // UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract\n\n",
    );
    declare::<Refusal>(&mut out, &config);
    declare::<accounts::Role>(&mut out, &config);
    declare::<accounts::Person>(&mut out, &config);
    declare::<accounts::Me>(&mut out, &config);
    declare::<accounts::Blocked>(&mut out, &config);
    declare::<accounts::Boot>(&mut out, &config);
    declare::<accounts::SetUp>(&mut out, &config);
    declare::<accounts::LogIn>(&mut out, &config);
    declare::<accounts::BeGuest>(&mut out, &config);
    declare::<accounts::SignUp>(&mut out, &config);
    declare::<accounts::Reset>(&mut out, &config);
    declare::<accounts::ChangeProfile>(&mut out, &config);
    declare::<accounts::ChangePassword>(&mut out, &config);
    declare::<accounts::CloseAccount>(&mut out, &config);
    declare::<accounts::SessionView>(&mut out, &config);
    declare::<accounts::PasskeyView>(&mut out, &config);
    declare::<invitations::Look>(&mut out, &config);
    declare::<invitations::InvitationView>(&mut out, &config);
    declare::<invitations::Invite>(&mut out, &config);
    declare::<invitations::Invited>(&mut out, &config);
    declare::<invitations::Invitation>(&mut out, &config);
    declare::<messages::Say>(&mut out, &config);
    declare::<messages::Message>(&mut out, &config);
    declare::<messages::Author>(&mut out, &config);
    declare::<messages::Quote>(&mut out, &config);
    declare::<messages::Mention>(&mut out, &config);
    declare::<messages::Reaction>(&mut out, &config);
    declare::<messages::Picture>(&mut out, &config);
    declare::<messages::Excerpt>(&mut out, &config);
    declare::<messages::AskHistory>(&mut out, &config);
    declare::<messages::History>(&mut out, &config);
    declare::<messages::EditMessage>(&mut out, &config);
    declare::<messages::OneMessage>(&mut out, &config);
    declare::<messages::React>(&mut out, &config);
    declare::<messages::AskReactors>(&mut out, &config);
    declare::<messages::Edited>(&mut out, &config);
    declare::<messages::Reacted>(&mut out, &config);
    declare::<messages::Pruned>(&mut out, &config);
    declare::<messages::Edit>(&mut out, &config);
    declare::<reading::Read>(&mut out, &config);
    declare::<reading::Counts>(&mut out, &config);
    declare::<reading::Reading>(&mut out, &config);
    declare::<reading::Behind>(&mut out, &config);
    declare::<reading::ReadingMoved>(&mut out, &config);
    declare::<reading::Readers>(&mut out, &config);
    declare::<rooms::RoomKind>(&mut out, &config);
    declare::<rooms::Room>(&mut out, &config);
    declare::<rooms::RoomRole>(&mut out, &config);
    declare::<rooms::Membership>(&mut out, &config);
    declare::<rooms::ListRooms>(&mut out, &config);
    declare::<rooms::RoomPage>(&mut out, &config);
    declare::<rooms::RoomsChanged>(&mut out, &config);
    declare::<rooms::CreateRoom>(&mut out, &config);
    declare::<rooms::Direct>(&mut out, &config);
    declare::<rooms::RoomId>(&mut out, &config);
    declare::<rooms::OpenRoom>(&mut out, &config);
    declare::<rooms::Known>(&mut out, &config);
    declare::<rooms::Opened>(&mut out, &config);
    declare::<rooms::KeepRoom>(&mut out, &config);
    declare::<rooms::ChangeRoom>(&mut out, &config);
    declare::<rooms::OneInRoom>(&mut out, &config);
    declare::<rooms::Promote>(&mut out, &config);
    declare::<rooms::RoomMember>(&mut out, &config);
    declare::<rooms::RemoveMember>(&mut out, &config);
    declare::<rooms::MuteMember>(&mut out, &config);
    declare::<rooms::FindPeople>(&mut out, &config);
    declare::<rooms::Removed>(&mut out, &config);
    declare::<rooms::RemovedReason>(&mut out, &config);
    declare::<presence::Typing>(&mut out, &config);
    declare::<presence::Here>(&mut out, &config);
    declare::<admin::Overview>(&mut out, &config);
    declare::<admin::LimitRow>(&mut out, &config);
    declare::<admin::Settings>(&mut out, &config);
    declare::<admin::PeoplePage>(&mut out, &config);
    declare::<admin::PersonRow>(&mut out, &config);
    declare::<admin::ChangePerson>(&mut out, &config);
    declare::<admin::Link>(&mut out, &config);
    declare::<admin::RoomRow>(&mut out, &config);
    declare::<admin::AuditEntry>(&mut out, &config);
    out.push_str(
        "/** What a refused event or request is answered with. */\n\
         export type Refused = { error: Refusal };\n\n\
         /** Somebody who is present, with all their connections. */\n\
         export interface PresentPerson {\n  user: string;\n  since: number;\n  \
         connections: { since: number; metadata: Here }[];\n}\n\n\
         /** What has changed in who is present in a room of the library: `online`, or `room <id>`. */\n\
         export interface RoomPresence {\n  room: string;\n  joined: PresentPerson[];\n  \
         left: PresentPerson[];\n  changed: PresentPerson[];\n}\n\n\
         /** What the page sends in `/rooms`: payload and answer. */\n\
         export interface RoomsRequests {\n",
    );
    request(&mut out, &config, rooms::LIST);
    out.push_str(
        "}\n\n/** What the page is sent in `/rooms`. */\nexport interface RoomsNotices {\n",
    );
    notice(&mut out, &config, rooms::ROOMS);
    notice(&mut out, &config, rooms::MEMBERSHIP);
    notice(&mut out, &config, reading::COUNTS);
    notice(&mut out, &config, accounts::PERSON);
    notice(&mut out, &config, accounts::ME);
    out.push_str(
        "}\n\n/** What the page sends in `/chat`: payload and answer. */\n\
         export interface ChatRequests {\n",
    );
    request(&mut out, &config, messages::SAY);
    request(&mut out, &config, rooms::CREATE);
    request(&mut out, &config, rooms::DIRECT);
    request(&mut out, &config, rooms::OPEN);
    request(&mut out, &config, rooms::CLOSE);
    request(&mut out, &config, rooms::LEAVE);
    request(&mut out, &config, rooms::KEEP);
    request(&mut out, &config, rooms::CHANGE);
    request(&mut out, &config, rooms::DELETE);
    request(&mut out, &config, rooms::HAND_OVER);
    request(&mut out, &config, rooms::PROMOTE);
    request(&mut out, &config, rooms::REMOVE);
    request(&mut out, &config, rooms::UNBAN);
    request(&mut out, &config, rooms::MUTE);
    request(&mut out, &config, rooms::MEMBERS);
    request(&mut out, &config, rooms::PEOPLE);
    request(&mut out, &config, messages::HISTORY);
    request(&mut out, &config, messages::EDIT);
    request(&mut out, &config, messages::DELETE_MESSAGE);
    request(&mut out, &config, messages::REACT);
    request(&mut out, &config, messages::EDITS);
    request(&mut out, &config, messages::REACTORS);
    request(&mut out, &config, reading::READ);
    request(&mut out, &config, reading::UNREAD);
    request(&mut out, &config, reading::READERS);
    request(&mut out, &config, presence::TYPING);
    let _ = writeln!(
        out,
        "  {}: {{ payload: null; answer: PresentPerson[] }};",
        presence::ONLINE.name()
    );
    out.push_str("}\n\n/** What the page is sent in `/chat`. */\nexport interface ChatNotices {\n");
    notice(&mut out, &config, messages::MESSAGE);
    notice(&mut out, &config, messages::EDITED);
    notice(&mut out, &config, messages::REACTED);
    notice(&mut out, &config, messages::PRUNED);
    notice(&mut out, &config, reading::READING);
    notice(&mut out, &config, rooms::ROOM);
    notice(&mut out, &config, rooms::REMOVED);
    notice(&mut out, &config, accounts::PERSON);
    notice(&mut out, &config, accounts::ME);
    out.push_str("  presence: RoomPresence;\n}\n\n");
    let _ = writeln!(out, "export const FIRST_ROOM = {FIRST_ROOM:?};");
    let _ = writeln!(out, "export const ONLINE_ROOM = {:?};", presence::ONLINE_ROOM);
    let _ = writeln!(out, "export const MENTIONS_OF_ALL = {:?};", messages::MENTIONS_OF_ALL);
    for (name, value) in [
        ("HISTORY_MESSAGES_MAX", messages::HISTORY_MESSAGES_MAX as usize),
        ("MENTIONS_MAX", messages::MENTIONS_MAX),
        ("PICTURES_MAX", messages::PICTURES_MAX),
        ("UNREAD_COUNTED_MAX", reading::UNREAD_COUNTED_MAX as usize),
        ("ROOM_CHARS_MAX", input::ROOM_CHARS_MAX),
        ("NICKNAME_CHARS_MAX", input::NICKNAME_CHARS_MAX),
        ("MESSAGE_CHARS_MAX", input::MESSAGE_CHARS_MAX),
        ("DESCRIPTION_CHARS_MAX", rooms::DESCRIPTION_CHARS_MAX),
        ("PASSWORD_CHARS_MIN", accounts::PASSWORD_CHARS_MIN),
        ("PASSWORD_BYTES_MAX", accounts::PASSWORD_BYTES_MAX),
        ("CAPACITY_MIN", rooms::CAPACITY_MIN as usize),
        ("CAPACITY_MAX", rooms::CAPACITY_MAX as usize),
        ("KEEP_DAYS_MAX", rooms::KEEP_DAYS_MAX as usize),
        ("DIRECT_PEOPLE_MAX", rooms::DIRECT_PEOPLE_MAX),
        ("TYPING_SHOWN", presence::TYPING_SHOWN as usize),
    ] {
        let _ = writeln!(out, "export const {name} = {value};");
    }
    shorten_comments(&out)
}

pub(crate) fn declare<T: TS>(out: &mut String, config: &Config) {
    if let Some(docs) = T::docs() {
        out.push_str(&docs);
    }
    let declaration =
        format!("export {}", T::decl(config)).replace("{ \n", "{\n").replace(", }", ",\n}");
    let mut inside = false;
    for line in declaration.lines() {
        inside &= !line.starts_with('}');
        let _ = writeln!(out, "{}{line}", if inside { "  " } else { "" });
        inside |= line.ends_with('{');
    }
    out.push('\n');
}

fn request<P: TS, A: TS>(out: &mut String, config: &Config, event: Event<P, A>) {
    let (payload, answer) = (P::name(config), A::name(config));
    let _ = writeln!(out, "  {}: {{ payload: {payload}; answer: {answer} }};", event.name());
}

fn notice<P: TS>(out: &mut String, config: &Config, event: Event<P>) {
    let _ = writeln!(out, "  {}: {};", event.name(), P::name(config));
}

/// Puts a comment of one line on one line.
pub(crate) fn shorten_comments(text: &str) -> String {
    let mut out = Vec::new();
    for line in text.lines() {
        let body = out.last().and_then(|last: &String| last.trim_start().strip_prefix("* "));
        if let ("*/", Some(body)) = (line.trim_start(), body)
            && out.iter().nth_back(1).is_some_and(|first| first.trim_start() == "/**")
        {
            let indent = if line.starts_with("   ") { "  " } else { "" };
            let short = format!("{indent}/** {body} */");
            out.truncate(out.len() - 2);
            out.push(short);
        } else {
            out.push(line.trim_end().to_owned());
        }
    }
    out.join("\n") + "\n"
}
