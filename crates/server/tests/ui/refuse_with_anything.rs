// A connect handler refuses with what becomes a `Refuse`.
//~ this function cannot decide about connections
//~ it must be `async fn(extractors.., auth) -> () | Result<(), Refuse>`
use sockeye::*;

async fn admit(_: Socket) -> Result<(), u32> {
    Err(7)
}

fn main() {
    let _: Namespace = Namespace::new("/").on_connect(admit);
}
