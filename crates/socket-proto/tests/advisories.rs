//! Past advisories of Socket.IO parsers, replayed against this one.

use std::time::{Duration, Instant};

use sockeye_socket_proto::{DecodeError, Decoder, Incoming, Limits, Packet, RESERVED_EVENTS};

fn decode(text: &str) -> Result<Packet<'_>, DecodeError> {
    Packet::decode(text, &Limits::default())
}

/// CVE-2020-36049: the work grew with the square of the packet's size.
#[test]
fn a_large_packet_takes_time_in_proportion() {
    fn measure(bytes: usize) -> Duration {
        let texts = [
            format!("2[\"ev\",\"{}\"]", "a".repeat(bytes)),
            format!("51-[\"ev\",{}0]", "\"_placeholder\\u005f\",".repeat(bytes / 20)),
            format!(
                "51-[\"ev\",{}]",
                vec![r#"{"_placeholder":true,"num":0}"#; bytes / 30].join(",")
            ),
            format!("2{}", "9".repeat(bytes)),
            format!("5{}-[\"ev\"]", "1".repeat(bytes)),
            format!("2/{}", "n".repeat(bytes)),
            format!("2[\"ev\"{}]", " ".repeat(bytes)),
            format!("2[\"ev\",{}", "\n".repeat(bytes)),
        ];
        let start = Instant::now();
        for text in &texts {
            let _ = std::hint::black_box(decode(text));
        }
        start.elapsed()
    }
    // The same bytes in one packet and in 32, at about the same time, so that a busy machine slows
    // down both. Squared would be 32 times; the best of several rounds counts.
    let round = || {
        let small: Duration = (0..32).map(|_| measure(16 << 10)).sum();
        measure(512 << 10).as_secs_f64() / small.as_secs_f64()
    };
    let ratio = (0..5).map(|_| round()).fold(f64::INFINITY, f64::min);
    assert!(ratio < 10.0, "one packet of 512 KiB takes {ratio} times as long as 32 of 16 KiB");
}

/// CVE-2022-2421: the index in a placeholder was not checked to be a number.
#[test]
fn a_placeholder_is_a_number_in_range() {
    for num in [r#""splice""#, r#""__proto__""#, "-1", "0.5", "1", "1e9", "null", "{}", "[0]"] {
        let text = format!(r#"51-["ev",{{"_placeholder":true,"num":{num}}}]"#);
        assert_eq!(decode(&text), Err(DecodeError::Placeholder), "{text}");
    }
}

/// CVE-2023-32695 and CVE-2024-38355: names of other types, and names of internal events, reached
/// the application.
#[test]
fn a_peer_cannot_raise_internal_events() {
    for name in ["{}", "[]", "null", "true", r#"{"toString":"x"}"#] {
        assert_eq!(decode(&format!("2[{name}]")), Err(DecodeError::EventName), "{name}");
    }
    assert_eq!(decode("2[]"), Err(DecodeError::EventName));
    for name in RESERVED_EVENTS {
        for head in ["2", "2/foo,7", "51-"] {
            let text = format!("{head}[{name:?}]");
            assert_eq!(decode(&text), Err(DecodeError::ReservedEventName), "{text}");
        }
    }
}

/// CVE-2026-33151, CVE-2026-48804, GHSA-55mf-67qm-4wpg: a packet announced any number of
/// attachments, of any size together.
#[test]
fn attachments_are_limited_by_count_and_bytes() {
    let limits = Limits { attachments_max: 3, attachment_bytes_max: 100, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    let refused = DecodeError::TooManyAttachments { announced: 4, limit: 3 };
    assert_eq!(decoder.handle_text(r#"54-["ev"]"#), Err(refused));
    assert!(!decoder.is_waiting(), "nothing is collected for a refused packet");

    decoder.handle_text(r#"53-["ev"]"#).unwrap();
    decoder.handle_binary(&[0; 60]).unwrap();
    let refused = DecodeError::AttachmentsTooLarge { actual: 120, limit: 100 };
    assert_eq!(decoder.handle_binary(&[0; 60]), Err(refused));
    assert!(!decoder.is_waiting());
}

/// CVE-2026-69185 / GHSA-2m8v-j782-fhvr: with zero attachments announced, the decoder stayed in
/// its waiting state and stored every binary message that followed.
#[test]
fn zero_attachments_do_not_wait() {
    let mut decoder = Decoder::default();
    for text in [r#"50-["ev"]"#, r#"60-1["ok"]"#, r#"5000-["ev"]"#] {
        assert_eq!(decoder.handle_text(text), Err(DecodeError::NoAttachments));
        assert!(!decoder.is_waiting());
        assert_eq!(decoder.handle_binary(b"x"), Err(DecodeError::UnexpectedBinary));
    }
}

/// Deep nesting overflowed the stack of parsers that recurse; `JSON.parse` takes it.
#[test]
fn deep_nesting_is_harmless_and_accepted() {
    for depth in [10_000, 300_000] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        for value in [&arrays, &objects] {
            for text in [format!(r#"2["ev",{value}]"#), format!(r#"51-["ev",{value},"\u0061"]"#)] {
                assert!(decode(&text).is_ok());
            }
            let text = format!(r#"2["ev",{value}]"#);
            match Decoder::default().handle_text(&text) {
                Ok(Some(Incoming::Event { args, .. })) => assert_eq!(args, value),
                other => panic!("{:?}", other.is_ok()),
            };
            assert_eq!(decode(&format!("2[{value}]")), Err(DecodeError::EventName));
        }
        assert!(matches!(
            decode(&format!("2[\"ev\",{}", "[".repeat(depth))),
            Err(DecodeError::Json { .. })
        ));
    }
}
