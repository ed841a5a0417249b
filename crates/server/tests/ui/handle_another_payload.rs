// A handler whose payload is not the event's.
//~ this function cannot handle an event with payload `String` and answer `()`
//~ an event declared as `Event<P, A>` needs the payload `P`, and `Ack<A>` as its answer
use sockeye::*;

const MESSAGE: Event<String> = Event::new("message");

async fn message(_: Socket, _: u32) {}

fn main() {
    let _: Namespace = Namespace::new("/").on(MESSAGE, message);
}
