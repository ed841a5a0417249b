// A handler is async.
//~ this function cannot handle an event with payload `String` and answer `u32`
//~ a handler is `async fn(extractors.., payload)
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

fn length(text: String) -> Ack<u32> {
    Ack(text.len() as u32)
}

fn main() {
    let _: Namespace = Namespace::new("/").on(LENGTH, length);
}
