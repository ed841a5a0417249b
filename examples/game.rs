//! A pond for a few salmon: the server owns the world and sends it 20 times a second, `volatile`, so that
//! whoever cannot take a state misses it and gets a newer one. Pages send what they press, each with a number,
//! show themselves at once, and the others 100 ms late, which is what makes them smooth.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use sockeye::{
    Config, EmitError, EventError, HttpServer, Io, Namespace, Refuse, Server, Socket, SocketId,
    State,
};

/// The pond is a square of this many units.
const SIDE: f32 = 1_000.0;
/// One step of the world.
const TICK: Duration = Duration::from_millis(50);
/// How far a fish swims in one step; the page has the same figure.
const STRIDE: f32 = 13.0;
/// A fish this near to a fly eats it.
const REACH: f32 = 40.0;
const FLIES: usize = 12;
const PLAYERS_MAX: usize = 8;
/// Inputs that wait for their step; an older one goes, and the page sees by its number that it did.
const INPUTS_MAX: usize = 4;
/// A page sends 20 inputs a second, and some after a pause of the network all at once.
const PACKETS_PER_SECOND_MAX: u32 = 100;

/// What a page presses during one step: a direction, no longer than 1.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    number: u32,
    x: f32,
    y: f32,
}

impl Input {
    /// Nothing is believed that a page of ours would not send.
    fn check(self) -> Result<Self, EventError> {
        let is_direction = |part: f32| part.is_finite() && part.abs() <= 1.0;
        if is_direction(self.x) && is_direction(self.y) {
            Ok(self)
        } else {
            Err(EventError::new("bad_input", "x and y are numbers from -1 to 1"))
        }
    }
}

#[derive(Serialize)]
struct Fish {
    /// From 1 to [`PLAYERS_MAX`]: its name and its colour.
    id: usize,
    x: f32,
    y: f32,
    score: u32,
    /// The newest input that this place is made of.
    seen: u32,
    #[serde(skip)]
    inputs: VecDeque<Input>,
}

impl Fish {
    fn queue(&mut self, input: Input) {
        let newest = self.inputs.back().map_or(self.seen, |last| last.number);
        if input.number > newest {
            if self.inputs.len() == INPUTS_MAX {
                self.inputs.pop_front();
            }
            self.inputs.push_back(input);
        }
    }

    /// One input a step, however many came: nobody is faster by sending more.
    fn swim(&mut self) {
        if let Some(Input { number, x, y }) = self.inputs.pop_front() {
            let stride = STRIDE / x.hypot(y).max(1.0);
            self.x = (self.x + x * stride).clamp(0.0, SIDE);
            self.y = (self.y + y * stride).clamp(0.0, SIDE);
            self.seen = number;
        }
    }
}

/// All that there is, and what every page is sent.
#[derive(Serialize)]
struct World {
    tick: u64,
    /// By socket, of which the pages are told nothing.
    #[serde(serialize_with = "values")]
    fish: BTreeMap<SocketId, Fish>,
    flies: Vec<(f32, f32)>,
    #[serde(skip)]
    random: u32,
}

fn values<S: serde::Serializer>(
    fish: &BTreeMap<SocketId, Fish>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(fish.values())
}

impl World {
    fn new(seed: u32) -> Self {
        let mut world =
            Self { tick: 0, fish: BTreeMap::new(), flies: Vec::new(), random: seed | 1 };
        world.flies = (0..FLIES).map(|_| world.place()).collect();
        world
    }

    /// A new fish, and its name; `None` when the pond is full.
    fn enter(&mut self, socket: SocketId) -> Option<usize> {
        let is_free = |id: &usize| self.fish.values().all(|fish| fish.id != *id);
        let id = (1..=PLAYERS_MAX).find(is_free)?;
        let (x, y) = self.place();
        self.fish.insert(socket, Fish { id, x, y, score: 0, seen: 0, inputs: VecDeque::new() });
        Some(id)
    }

    fn step(&mut self) {
        self.tick += 1;
        for fish in self.fish.values_mut() {
            fish.swim();
        }
        for index in 0..self.flies.len() {
            let (x, y) = self.flies[index];
            let eater = self.fish.values_mut().find(|fish| (fish.x - x).hypot(fish.y - y) < REACH);
            if let Some(eater) = eater {
                eater.score += 1;
                self.flies[index] = self.place();
            }
        }
    }

    /// A place that is not at the edge, by xorshift: a toy needs no better chance.
    fn place(&mut self) -> (f32, f32) {
        let mut next = || {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 17;
            self.random ^= self.random << 5;
            let share = f32::from((self.random >> 16) as u16) / f32::from(u16::MAX);
            (50.0 + share * (SIDE - 100.0)).round()
        };
        (next(), next())
    }
}

#[derive(Clone)]
struct Pond(Arc<Mutex<World>>);

impl Pond {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn admit(State(pond): State<Pond>) -> Result<(), Refuse> {
    let is_full = pond.lock().fish.len() >= PLAYERS_MAX;
    if is_full { Err(Refuse::new("the pond is full")) } else { Ok(()) }
}

/// Two may have been admitted to the last place: who comes second is sent away.
async fn enter(socket: Socket, State(pond): State<Pond>) -> Result<(), EventError> {
    match pond.lock().enter(socket.id()) {
        Some(id) => socket.emit("you", &id)?,
        None => socket.disconnect(),
    }
    Ok(())
}

async fn input(socket: Socket, State(pond): State<Pond>, input: Input) -> Result<(), EventError> {
    let input = input.check()?;
    if let Some(fish) = pond.lock().fish.get_mut(&socket.id()) {
        fish.queue(input);
    }
    Ok(())
}

async fn leave(socket: Socket, State(pond): State<Pond>) {
    pond.lock().fish.remove(&socket.id());
}

async fn run(io: Io, pond: Pond) -> Result<(), EmitError> {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let mut world = pond.lock();
        world.step();
        io.volatile().emit("state", &*world)?;
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut seed = [0; 4];
    getrandom::fill(&mut seed).expect("the system has random numbers");
    let pond = Pond(Arc::new(Mutex::new(World::new(u32::from_le_bytes(seed)))));
    let mut config = Config::default();
    config.engine.packets_per_second_max = Some(PACKETS_PER_SECOND_MAX);
    let namespace = Namespace::new("/")
        .on_connect(admit)
        .on_connected(enter)
        .on("input", input)
        .on_disconnect(leave);
    let server =
        Server::builder().config(config).state(pond.clone()).namespace(namespace).build()?;
    let running = tokio::spawn(run(server.io(), pond));

    let app = Router::new()
        .route("/", get(Html(include_str!("pages/game.html"))))
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        running.abort();
        server.shutdown().await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fish() -> Fish {
        Fish { id: 1, x: 500.0, y: 500.0, score: 0, seen: 0, inputs: VecDeque::new() }
    }

    #[test]
    fn one_input_a_step_of_one_stride_at_most() {
        let mut fish = fish();
        fish.queue(Input { number: 1, x: 1.0, y: 1.0 });
        fish.queue(Input { number: 2, x: 0.5, y: 0.0 });
        fish.swim();
        assert_eq!(fish.seen, 1);
        assert!(((fish.x - 500.0).hypot(fish.y - 500.0) - STRIDE).abs() < 0.01);
        let x = fish.x;
        fish.swim();
        assert_eq!((fish.seen, fish.x), (2, x + STRIDE / 2.0));
        fish.swim();
        assert_eq!((fish.seen, fish.x), (2, x + STRIDE / 2.0), "no input, no movement");
    }

    #[test]
    fn old_inputs_are_not_repeated_and_many_do_not_pile_up() {
        let mut fish = fish();
        for number in [1, 2, 2, 1, 3, 4, 5, 6] {
            fish.queue(Input { number, x: 1.0, y: 0.0 });
        }
        let numbers: Vec<u32> = fish.inputs.iter().map(|input| input.number).collect();
        assert_eq!(numbers, [3, 4, 5, 6]);
    }

    #[test]
    fn nobody_leaves_the_pond() {
        let mut fish = fish();
        for number in 1..200 {
            fish.queue(Input { number, x: 1.0, y: -1.0 });
            fish.swim();
        }
        assert_eq!((fish.x, fish.y), (SIDE, 0.0));
    }

    #[test]
    fn what_no_page_sends_is_refused() {
        for part in [f32::NAN, f32::INFINITY, 1.1, -2.0, f32::MAX] {
            assert!(Input { number: 1, x: part, y: 0.0 }.check().is_err(), "{part}");
            assert!(Input { number: 1, x: 0.0, y: part }.check().is_err(), "{part}");
        }
        assert!(Input { number: 1, x: 1.0, y: -1.0 }.check().is_ok());
    }
}
