// An answer is wrapped in `Ack`.
//~ this function cannot handle an event with payload `String` and answer `u32`
//~ needs the payload `P`, and `Ack<A>` as its answer
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

async fn length(text: String) -> u32 {
    text.len() as u32
}

fn main() {
    let _: Namespace = Namespace::new("/").on(LENGTH, length);
}
