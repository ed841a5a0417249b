// What compiles: a handler that is still to be written.
use sockeye::*;

const ADD: Event<(u32, u32), u32> = Event::new("add");

fn main() {
    let _: Namespace = Namespace::new("/")
        .on_connect(async |_: Socket| todo!())
        .on_connected(async |_: Socket| todo!())
        .on(ADD, async |_: Socket, _: (u32, u32)| todo!());
}
