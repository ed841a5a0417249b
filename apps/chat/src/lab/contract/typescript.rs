//! Writes the lab page's declarations from the Rust ones and compares them with the committed file.

use std::fmt::Write as _;

use ts_rs::Config;

use super::*;
use crate::contract::typescript::{assert_committed, declare, shorten_comments};

#[test]
fn the_lab_s_page_knows_the_same_contract() {
    assert_committed("web/src/lab/contract.ts", "lab/contract.rs", &declarations());
}

#[test]
fn roads_have_the_names_of_their_messages() {
    for (index, road) in Road::ALL.into_iter().enumerate() {
        assert_eq!(road.index(), index);
        assert_eq!(serde_json::to_value(road).unwrap(), road.as_str());
    }
}

fn declarations() -> String {
    let config = Config::new().with_large_int("number");
    let mut out = String::from(
        "// Written from src/lab/contract.rs by its test; to change it, change that file and run\n\
         // UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract\n\n",
    );
    declare::<Road>(&mut out, &config);
    declare::<Tick>(&mut out, &config);
    declare::<Settings>(&mut out, &config);
    declare::<Limits>(&mut out, &config);
    declare::<RoadAddress>(&mut out, &config);
    declare::<Sent>(&mut out, &config);
    declare::<Phase>(&mut out, &config);
    declare::<Delays>(&mut out, &config);
    declare::<Slowness>(&mut out, &config);
    declare::<RoadNumbers>(&mut out, &config);
    declare::<Direction>(&mut out, &config);
    declare::<RecordKind>(&mut out, &config);
    declare::<Field>(&mut out, &config);
    declare::<Layer>(&mut out, &config);
    declare::<Packet>(&mut out, &config);
    declare::<WireRecord>(&mut out, &config);
    declare::<AcceptSteps>(&mut out, &config);
    declare::<FromServer>(&mut out, &config);
    declare::<All>(&mut out, &config);
    declare::<RoadChoice>(&mut out, &config);
    declare::<FromPage>(&mut out, &config);
    let roads = Road::ALL.map(|road| format!("{:?}", road.as_str())).join(", ");
    let _ = writeln!(
        out,
        "/** In the order that everything keeps. */\n\
         export const ROADS: readonly Road[] = [{roads}];"
    );
    for (name, value) in [
        ("PAGE_PATH", PAGE_PATH),
        ("CONTROL_PATH", CONTROL_PATH),
        ("NAMESPACE", NAMESPACE),
        ("EVENT", EVENT),
    ] {
        let _ = writeln!(out, "export const {name} = {value:?};");
    }
    let _ = writeln!(out, "export const CLOSE_FULL = {CLOSE_FULL};");
    shorten_comments(&out)
}
