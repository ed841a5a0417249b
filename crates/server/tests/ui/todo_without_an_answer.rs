// Nothing says what it answers: neither the event nor the body.
//~ type annotations needed
use sockeye::*;

fn main() {
    let _: Namespace = Namespace::new("/").on("add", async |_: u32| todo!());
}
