// A socket is a handle: without an attribute the notes have to do.
//~ extractors first, payload last, at most 8 extractors
use sockeye::*;

async fn message(_: &Socket, _: String) {}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}
