// Extractors come first, the payload last.
//~ this function cannot handle an event with payload `String` and answer `()`
//~ extractors first, payload last, at most 8 extractors
//~ put `#[sockeye::debug_handler]` on the function to be told why
use sockeye::*;

const MESSAGE: Event<String> = Event::new("message");

async fn message(_: String, _: Socket) {}

fn main() {
    let _: Namespace = Namespace::new("/").on(MESSAGE, message);
}
