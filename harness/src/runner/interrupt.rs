//! The flag that the user stopped the run, for everything that waits.

use tokio::sync::watch;

/// A flag that is raised once, when the user stops the run; all clones share it.
#[derive(Debug, Clone)]
pub struct Interrupt {
    sender: watch::Sender<bool>,
}

impl Interrupt {
    /// Returns a flag that is not raised.
    pub fn new() -> Self {
        Self { sender: watch::Sender::new(false) }
    }

    /// Raises the flag.
    pub fn raise(&self) {
        self.sender.send_replace(true);
    }

    /// Returns whether the flag is raised.
    pub fn is_raised(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until the flag is raised.
    pub async fn raised(&self) {
        // The sender lives as long as this borrow of it, so the wait ends only when the flag is raised.
        let _ = self.sender.subscribe().wait_for(|raised| *raised).await;
    }
}

impl Default for Interrupt {
    fn default() -> Self {
        Self::new()
    }
}
