// An error is one, or becomes an `EventError`.
//~ this function cannot handle an event
//~ is `E` an `Error`?
use sockeye::*;

struct Problem;

async fn message(_: Socket, _: String) -> Result<(), Problem> {
    Err(Problem)
}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}
