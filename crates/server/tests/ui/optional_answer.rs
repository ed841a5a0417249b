// An answer that may be missing is an answer.
//~ this function cannot handle an event with payload `String` and answer `u32`
//~ put `#[sockeye::debug_handler]` on the function to be told why
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

async fn length(text: String) -> Option<Ack<u32>> {
    Some(Ack(text.len() as u32))
}

fn main() {
    let _: Namespace = Namespace::new("/").on(LENGTH, length);
}
