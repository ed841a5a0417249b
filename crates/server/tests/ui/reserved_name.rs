// A name that Socket.IO keeps for itself.
//~ this event name is reserved by Socket.IO
use sockeye::Event;

const GONE: Event = Event::new("disconnect");

fn main() {
    let _ = GONE;
}
