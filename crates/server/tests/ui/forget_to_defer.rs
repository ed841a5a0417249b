// A handler that takes an acker and does not return its deferral.
//~ this function cannot handle an event with payload `String` and answer `u32`
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

async fn length(_: Acker<u32>, _: String) {}

fn main() {
    let _: Namespace = Namespace::new("/").on(LENGTH, length);
}
