// Eight extractors are the most.
//~ this function cannot handle an event with payload `String` and answer `()`
//~ at most 8 extractors
use sockeye::*;

const MESSAGE: Event<String> = Event::new("message");

async fn message(
    _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: String,
) {
}

fn main() {
    let _: Namespace = Namespace::new("/").on(MESSAGE, message);
}
