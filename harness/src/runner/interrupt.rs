//! The user's wish to stop, known to everything that waits.

use tokio::sync::watch;

/// A wish to stop that all clones share.
#[derive(Debug, Clone)]
pub struct Interrupt {
    sender: watch::Sender<bool>,
}

impl Interrupt {
    /// Nobody wishes to stop yet.
    pub fn new() -> Self {
        Self { sender: watch::Sender::new(false) }
    }

    /// Makes the wish known.
    pub fn raise(&self) {
        self.sender.send_replace(true);
    }

    /// Whether somebody wishes to stop.
    pub fn is_raised(&self) -> bool {
        *self.sender.borrow()
    }

    /// Ends when somebody wishes to stop.
    pub async fn raised(&self) {
        // The sender lives as long as this borrow of it, so the wait can only end with the wish.
        let _ = self.sender.subscribe().wait_for(|raised| *raised).await;
    }
}

impl Default for Interrupt {
    fn default() -> Self {
        Self::new()
    }
}
