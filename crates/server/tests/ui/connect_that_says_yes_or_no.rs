// A connect handler refuses with a reason, and does not say `false`.
//~ this function cannot decide about connections
//~ does it return `Err(Refuse::new(..))` and not `false`?
use sockeye::*;

async fn admit(_: Socket) -> bool {
    true
}

fn main() {
    let _: Namespace = Namespace::new("/").on_connect(admit);
}
