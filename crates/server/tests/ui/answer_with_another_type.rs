// A handler that answers with another type than the event promises.
//~ this function cannot handle an event with payload `String` and answer `u32`
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

async fn length(text: String) -> Ack<String> {
    Ack(text)
}

fn main() {
    let _: Namespace = Namespace::new("/").on(LENGTH, length);
}
