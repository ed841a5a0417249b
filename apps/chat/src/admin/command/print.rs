//! What `sockeye admin` prints: lines for people, or JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::super::contract::{AuditEntry, LimitRow, Overview, PersonRow, RoomRow};
use crate::accounts::contract::{Person, Role};
use crate::invitations::contract::{Invitation, Invited};
use crate::keys::date;
use crate::rooms::contract::RoomKind;

/// Standard output, as lines for people or as JSON.
pub(super) struct Printer<W> {
    out: W,
    is_json: bool,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, is_json: bool) -> Self {
        Printer { out, is_json }
    }

    /// One thing: as JSON, or what `line` makes of it.
    pub(super) fn one<T: Serialize>(
        &mut self,
        thing: &T,
        line: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        match self.is_json {
            true => writeln!(self.out, "{}", serde_json::to_string(thing)?),
            false => writeln!(self.out, "{}", line(thing)),
        }
    }

    /// Several, each on a line of its own.
    pub(super) fn all<T: Serialize>(
        &mut self,
        things: &[T],
        line: impl Fn(&T) -> String,
    ) -> io::Result<()> {
        things.iter().try_for_each(|thing| self.one(thing, &line))
    }

    /// For people alone: on standard error, so that a script takes what is on standard output.
    pub(super) fn aside(&self, text: &str) {
        if !self.is_json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

pub(super) fn person(person: &Person) -> String {
    format!("{}  {}  {}", person.id, role(person.role), person.name)
}

pub(super) fn person_row(row: &PersonRow) -> String {
    let seen = match (row.is_online, row.seen_at) {
        (true, _) => "online".to_owned(),
        (false, Some(at)) => format!("seen {}", time(at)),
        (false, None) => "never seen".to_owned(),
    };
    let since = time(row.created_at);
    let sessions = plural(u64::from(row.sessions), "session");
    format!("{}  {sessions}  since {since}  {seen}", person(&row.person))
}

pub(super) fn room_row(row: &RoomRow) -> String {
    let kind = match row.kind {
        RoomKind::Open => "open",
        RoomKind::Password => "password",
        RoomKind::Invited => "invited",
        RoomKind::Direct => "direct",
    };
    let owner = row.owner.as_ref().map_or("nobody's", |owner| &owner.name);
    format!(
        "{}  {kind:8}  {} now  {}  {}  last {}  {owner}  {}",
        row.id,
        row.people,
        plural(u64::from(row.members), "member"),
        plural(row.messages, "message"),
        time(row.active_at),
        row.title
    )
}

pub(super) fn invitation(invitation: &Invitation) -> String {
    let uses = match invitation.uses_left {
        None => "any number of uses".to_owned(),
        Some(uses) => format!("{} left", plural(u64::from(uses), "use")),
    };
    let by = invitation.by.as_ref().map_or("command line", |by| &by.name);
    let room = invitation.room.as_ref().map(|(_, title)| format!("  into {title}"));
    format!(
        "{}  {}  {uses}  used {}  until {}  by {by}{}",
        invitation.id,
        role(invitation.role),
        invitation.used,
        time(invitation.expires_at),
        room.unwrap_or_default()
    )
}

/// The links alone, the best one first: a script takes the first line.
pub(super) fn invited(invited: &Invited) -> String {
    let links: Vec<_> = invited
        .addresses
        .iter()
        .map(|address| format!("{address}/invite#{}", invited.code))
        .collect();
    match links.is_empty() {
        true => format!("/invite#{}", invited.code),
        false => links.join("\n"),
    }
}

pub(super) fn entry(entry: &AuditEntry) -> String {
    let line = format!("{}  {}  {}  {}", time(entry.at), entry.by, entry.what, entry.about);
    match entry.detail.is_empty() {
        true => line,
        false => format!("{line}  {}", entry.detail),
    }
}

pub(super) fn overview(overview: &Overview) -> String {
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let free = overview.free_bytes.map_or_else(|| "not known".to_owned(), mib);
    let memory = overview.memory_bytes.map_or_else(|| "not known".to_owned(), mib);
    let mut lines = vec![
        format!("sockeye {}, since {}", overview.version, time(overview.started_at)),
        format!(
            "people    {} with an account, {}, {} online, {}",
            overview.accounts,
            plural(u64::from(overview.guests), "guest"),
            overview.online,
            plural(u64::from(overview.sessions), "session")
        ),
        format!("rooms     {}, {}", overview.rooms, plural(overview.messages, "message")),
        format!(
            "disk      {} used and {} of pictures, {free} free, {} have to be",
            mib(overview.database_bytes),
            mib(overview.picture_bytes),
            mib(overview.free_bytes_min)
        ),
        format!("memory    {memory}"),
        format!("guests    {}", if overview.settings.has_guests { "on" } else { "off" }),
    ];
    if !overview.limits.is_empty() {
        lines.push(
            "limits    (of an address, and MiB that stay free; change them by these options of \
             `sockeye serve`)"
                .to_owned(),
        );
        lines.extend(overview.limits.iter().map(limit));
    }
    lines.join("\n")
}

fn limit(row: &LimitRow) -> String {
    let value = if row.value == 0 { "none".to_owned() } else { row.value.to_string() };
    let reached = match row.reached {
        0 => String::new(),
        1 => "  reached once".to_owned(),
        times => format!("  reached {times} times"),
    };
    format!("  --{:21} {value:>8}{reached}", row.name)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest    ",
        Role::Member => "member   ",
        Role::Moderator => "moderator",
        Role::Owner => "owner    ",
    }
}

/// A time in milliseconds since 1970, in UTC.
pub(super) fn time(at: i64) -> String {
    date(u64::try_from(at / 1_000).unwrap_or_default())
}

fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::contract::Settings;

    #[test]
    fn json_is_an_object_and_lines_are_for_people() {
        let ada = Person {
            id: "abc".into(),
            name: "Ada".into(),
            role: Role::Owner,
            colour: 7,
            picture: None,
        };
        let row = PersonRow {
            person: ada,
            created_at: 0,
            seen_at: Some(1_000),
            is_online: false,
            sessions: 1,
        };
        let print = |is_json| {
            let mut out = Vec::new();
            let mut printer = Printer::new(&mut out, is_json);
            printer.all(std::slice::from_ref(&row), person_row).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            print(false),
            "abc  owner      Ada  1 session  since 1970-01-01T00:00:00Z  seen 1970-01-01T00:00:01Z\n"
        );
        let back: PersonRow = serde_json::from_str(&print(true)).unwrap();
        assert_eq!(back, row);
    }

    #[test]
    fn the_overview_names_the_options() {
        let limit = |name: &str, value, reached| LimitRow { name: name.into(), value, reached };
        let text = overview(&Overview {
            version: "1.0.0".into(),
            started_at: 0,
            accounts: 2,
            guests: 1,
            online: 3,
            sessions: 4,
            rooms: 5,
            messages: 6,
            database_bytes: 3 << 19,
            picture_bytes: 5 << 20,
            free_bytes: None,
            free_bytes_min: 64 << 20,
            memory_bytes: Some(20 << 20),
            settings: Settings { has_guests: true },
            limits: vec![limit("messages-per-second", 200, 2), limit("rooms-per-hour", 0, 0)],
        });
        for part in [
            "2 with an account, 1 guest, 3 online, 4 sessions",
            "1.5 MiB used and 5.0 MiB of pictures, not known free, 64.0 MiB have to be",
            "guests    on",
            "  --messages-per-second        200  reached 2 times",
            "  --rooms-per-hour            none",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
