//! Writes the page's declarations from the Rust ones and compares them with the committed file.

use std::fmt::Write as _;
use std::path::Path;

use sockeye::Event;
use ts_rs::{Config, TS};

use super::*;
use crate::input;

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
        "// Written from src/contract.rs by its test; to change it, change that file and run\n\
         // UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract\n\n",
    );
    declare::<Join>(&mut out, &config);
    declare::<NewMessage>(&mut out, &config);
    declare::<StoredMessage>(&mut out, &config);
    declare::<Presence>(&mut out, &config);
    declare::<Refusal>(&mut out, &config);
    declare::<RoomSummary>(&mut out, &config);
    declare::<Boot>(&mut out, &config);
    out.push_str(
        "/** What a refused event is answered with. */\n\
         export type Refused = { error: Refusal };\n\n\
         /** What the page sends: payload and answer. */\n\
         export interface Requests {\n",
    );
    request(&mut out, &config, JOIN);
    request(&mut out, &config, CHAT);
    out.push_str("  leave: { payload: undefined; answer: undefined };\n}\n\n");
    assert_eq!(LEAVE.name(), "leave");
    out.push_str("/** What the page is sent. */\nexport interface Notices {\n");
    notice(&mut out, &config, JOINED);
    notice(&mut out, &config, POSTED);
    notice(&mut out, &config, LEFT);
    out.push_str("}\n\n");
    let _ = writeln!(out, "export const FIRST_ROOM = {FIRST_ROOM:?};");
    for (name, value) in [
        ("HISTORY_MESSAGES_MAX", HISTORY_MESSAGES_MAX as usize),
        ("ROOM_CHARS_MAX", input::ROOM_CHARS_MAX),
        ("NICKNAME_CHARS_MAX", input::NICKNAME_CHARS_MAX),
        ("MESSAGE_CHARS_MAX", input::MESSAGE_CHARS_MAX),
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
