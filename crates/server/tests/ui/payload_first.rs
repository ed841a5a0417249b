// Extractors come first, the payload last.
//~ extractors first, payload last, at most 8 extractors
use sockeye::*;

const MESSAGE: Event<String> = Event::new("message");

async fn message(_: String, _: Socket) {}

fn main() {
    let _: Namespace = Namespace::new("/").on(MESSAGE, message);
}
