//! Lines on standard input and output.

use std::io::{Write, stdin, stdout};
use std::thread;

use serde_json::Value;
use tokio::sync::mpsc;

/// What is said to this process, line by line, until it says no more. A thread reads it: one of the runtime's would keep the
/// process from ending.
pub(crate) fn read() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stdin().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Says one thing on a line of its own.
pub(crate) fn say(said: &Value) {
    let mut line = said.to_string();
    line.push('\n');
    let mut out = stdout().lock();
    // Whoever drove this node is gone; its input ends as well.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
