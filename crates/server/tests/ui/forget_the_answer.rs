// A handler that does not answer although the event promises an answer.
//~ this function cannot handle an event with payload `String` and answer `u32`
//~ needs the payload `P`, and `Ack<A>` as its answer
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

fn main() {
    let _: Namespace = Namespace::new("/").on(LENGTH, async |_: Socket, _: String| {});
}
