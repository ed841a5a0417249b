//! The event stream format as the HTML standard has it (9.2.6), for what a page is shown.

/// An event that a page is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` where none was said.
    pub name: String,
    /// Its data.
    pub data: String,
    /// The last event id, which stays from one event to the next.
    pub id: String,
}

/// The events of a whole answer. One that has not ended is none.
pub fn parse(body: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(body);
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut events = Vec::new();
    let (mut name, mut id) = (String::new(), String::new());
    let mut data = Vec::new();
    while let Some(end) = rest.find(['\r', '\n']) {
        let line = &rest[..end];
        rest = match rest[end..].strip_prefix("\r\n") {
            Some(rest) => rest,
            None => &rest[end + 1..],
        };
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            let name = if name.is_empty() { "message".to_owned() } else { name };
            let data: Vec<String> = std::mem::take(&mut data);
            if !data.is_empty() {
                events.push(Event { name, data: data.join("\n"), id: id.clone() });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "event" => name = value,
            "data" => data.push(value),
            "id" if !value.contains('\0') => id = value,
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_the_standard() {
        let event = |name: &str, data: &str, id: &str| Event {
            name: name.to_owned(),
            data: data.to_owned(),
            id: id.to_owned(),
        };
        let body = b": c\n\ndata: first event\nid: 1\n\ndata:second event\rid\r\rdata\r\ndata\r\n\r\nevent: x\ndata:  third\nid: a\0b\n\ndata: cut";
        assert_eq!(
            parse(body),
            [
                event("message", "first event", "1"),
                event("message", "second event", ""),
                event("message", "\n", ""),
                event("x", " third", ""),
            ]
        );
    }
}
