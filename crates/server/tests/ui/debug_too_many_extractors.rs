// The same, asked about.
//~ a handler has at most 8 extractors and a payload: gather some in a struct
use sockeye::*;

#[debug_handler]
async fn message(
    _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: Io, _: String,
) {
}

fn main() {
    let _ = message;
}
