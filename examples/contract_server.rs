//! The server of a contract that is a crate of its own, `examples/contract`: the constants give its
//! handlers their types.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockeye::{Ack, EventError, Namespace, Server, Socket, State};
use sockeye_example_contract::{
    ADD, ADDED, BOARD, CARDS_MAX, CONFIRM, Card, FULL, NewCard, REMOVE, REMOVED,
};

/// The cards, and the number of the last one.
#[derive(Clone, Default)]
struct Board(Arc<Mutex<(Vec<Card>, u32)>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, (Vec<Card>, u32)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, NewCard { text }: NewCard) -> Option<Card> {
        let (cards, last) = &mut *self.lock();
        if cards.len() >= CARDS_MAX {
            return None;
        }
        *last += 1;
        cards.push(Card { id: *last, text });
        cards.last().cloned()
    }

    fn find(&self, id: u32) -> Option<Card> {
        self.lock().0.iter().find(|card| card.id == id).cloned()
    }

    fn remove(&self, id: u32) -> bool {
        let cards = &mut self.lock().0;
        let before = cards.len();
        cards.retain(|card| card.id != id);
        cards.len() < before
    }
}

async fn add(
    socket: Socket,
    State(board): State<Board>,
    new: NewCard,
) -> Result<Ack<Card>, EventError> {
    let full = || EventError::new(FULL, "the board has no place for another card");
    let card = board.put(new).ok_or_else(full)?;
    socket.broadcast().emit(ADDED, &card)?;
    Ok(Ack(card))
}

async fn remove(
    socket: Socket,
    State(board): State<Board>,
    id: u32,
) -> Result<Ack<bool>, EventError> {
    let Some(card) = board.find(id) else { return Ok(Ack(false)) };
    let is_removed = socket.emit_with_ack(CONFIRM, &card).await? && board.remove(id);
    if is_removed {
        socket.io().emit(REMOVED, &id)?;
    }
    Ok(Ack(is_removed))
}

pub(crate) fn server() -> Result<Server, sockeye::BuildError> {
    let board = Namespace::new(BOARD).on(ADD, add).on(REMOVE, remove);
    Server::builder().state(Board::default()).namespace(board).build()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listeners = sockeye_examples::listen().await?;
    server()?.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
