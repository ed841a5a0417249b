//! What is sent, in all ways, and who has to get it.

use serde_json::{Value, json};
use sockeye::{Args, Binary, Broadcast};

use crate::answer::Message;
use crate::world::{LARGE_BYTES, MAIN_AT, ROOMS, ROOMS_AT, STREAM_AT, World};

const NAMES: [&str; 4] = ["tick", "gap", "message", "sag \"é\"\\"];
/// What has a meaning on some road, and none inside of data.
const WORDS: &str = "a\nid: b\r\n\ndata: \u{2028}\0\u{feff}";

/// One event: to whom, and which feeds have it.
struct Sending {
    to: Broadcast,
    feeds: Vec<usize>,
    is_volatile: bool,
}

impl World {
    /// Sends one event, or appends to the stream, and notes who has to get it.
    pub(crate) fn send(&mut self) {
        let number = self.next;
        self.next += 1;
        let favourite = self.random.chance(50).then_some(self.favourite);
        if favourite == Some(STREAM_AT) || self.random.chance(15) {
            return self.append(number);
        }
        let name = NAMES[self.random.below(NAMES.len() as u64) as usize];
        if self.random.chance(5) {
            let io = self.news().to(ROOMS[0]);
            return drop(io.emit_with_ack::<_, ()>(name, &number).unwrap());
        }
        let sending = self.sending(favourite);
        let data = self.emit(&sending.to, name, number);
        let message = Message { name: Some(name.to_owned()), data };
        for feed in sending.feeds {
            let journal = &mut self.journals[feed];
            match sending.is_volatile {
                true => journal.note_volatile(number, message.clone()),
                false => journal.kept.push(message.clone()),
            }
        }
    }

    fn news(&self) -> sockeye::Io {
        self.offered.host.server.of("/news").unwrap()
    }

    fn sending(&mut self, favourite: Option<usize>) -> Sending {
        let io = self.news();
        let [mut first, second] = [0, 1].map(|_| self.random.below(ROOMS.len() as u64) as usize);
        let way = match favourite {
            Some(0) => [0, 6, 8][self.random.below(3) as usize],
            Some(MAIN_AT) => 10,
            Some(room) => {
                first = room - ROOMS_AT;
                [2, 4, 5, 7][self.random.below(4) as usize]
            }
            None => self.random.below(11),
        };
        let (room, other) = (ROOMS[first], ROOMS[second]);
        let (room_at, other_at) = (ROOMS_AT + first, ROOMS_AT + second);
        let (to, feeds, is_volatile) = match way {
            0 | 1 => (io.local(), vec![0], false),
            2 | 3 => (io.to(room), vec![room_at], false),
            4 if first != second => (io.to([room, other]), vec![room_at, other_at], false),
            4 => (io.to([room, other]), vec![room_at], false),
            5 if first != second => (io.to([room, other]).except(other), vec![room_at], false),
            5 => (io.to(room).except(other), vec![], false),
            6 => (io.except(room), vec![0], false),
            7 => (io.to(room).volatile(), vec![room_at], true),
            8 => (io.volatile(), vec![0], true),
            9 => (io.to("nowhere"), vec![], false),
            _ => (self.offered.host.server.io().local(), vec![MAIN_AT], false),
        };
        Sending { to, feeds, is_volatile }
    }

    /// Sends an event with its number and perhaps more. Its arguments, as readers get them.
    fn emit(&mut self, to: &Broadcast, name: &'static str, number: u64) -> Value {
        match self.random.below(40) {
            0..4 => {
                let bytes = Binary::from(vec![1, 2, 3]);
                to.emit(name, &Args((number, [Some(bytes), None]))).unwrap();
                json!([number, [{ "base64": "AQID" }, null]])
            }
            4..8 => {
                to.emit(name, &Args((number, WORDS))).unwrap();
                json!([number, WORDS])
            }
            8 => {
                let length = self.random.below(LARGE_BYTES as u64) as usize;
                let text = "x".repeat(length);
                to.emit(name, &Args((number, &text))).unwrap();
                json!([number, text])
            }
            _ => {
                to.emit(name, &number).unwrap();
                json!([number])
            }
        }
    }

    /// Appends to the stream, one message or several.
    fn append(&mut self, number: u64) {
        let stream = self.offered.stream.clone();
        let mut noted = |data| self.journals[STREAM_AT].kept.push(Message { name: None, data });
        if self.random.chance(70) {
            let value = json!({ "number": number, "words": WORDS });
            stream.append_json(&value).unwrap();
            return noted(value);
        }
        let values: Vec<_> = (0..=self.random.below(3)).map(|part| json!([number, part])).collect();
        stream.append(serde_json::to_vec_pretty(&values).unwrap()).unwrap();
        values.into_iter().for_each(noted);
    }
}
