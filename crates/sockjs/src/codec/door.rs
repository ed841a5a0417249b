//! The codec for those who test it from outside: fuzz targets. No part of the stable API.

use super::frame;
use super::messages::{Messages, plain_message};
use super::quote::{push_quoted, push_script_string};

/// The messages that a POST brings; `None` if it is refused.
pub fn read_array(body: &[u8]) -> Option<Vec<String>> {
    Messages::of_array(body).ok().map(|messages| all(messages, body))
}

/// The messages that a WebSocket message brings; `None` if it is refused.
pub fn read_frame(text: &str) -> Option<Vec<String>> {
    Messages::of_frame(text).ok().map(|messages| all(messages, text.as_bytes()))
}

/// The message in a WebSocket message of the common form, read by the short way.
pub fn read_plain(text: &str) -> Option<&str> {
    plain_message(text)
}

/// A frame of one text message.
pub fn write_text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    frame::push_text_frame(text, &mut out);
    out
}

/// A frame of one binary message.
pub fn write_binary(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::push_binary_frame(data, &mut out);
    out
}

/// The data that a text stands for, if it is a binary message.
pub fn read_binary(text: &str) -> Option<Vec<u8>> {
    frame::binary_of(text)
}

/// A text as a JSON string.
pub fn write_quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_quoted(text, &mut out);
    out
}

/// A frame as a string in a script.
pub fn write_script(frame: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_script_string(frame, &mut out);
    out
}

fn all(mut messages: Messages, text: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(message) = messages.next(text) {
        all.push(message.to_owned());
    }
    all
}
