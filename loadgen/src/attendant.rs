//! The thread that serves the workers of a run: it asks the cluster for its layout, and opens connections.
//!
//! The conducting thread has other work, such as the sums of each second. A client must not wait for that before it
//! learns which node has taken over.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::engine::{OpenRequest, keep_opening};
use crate::layout::Layout;
use crate::plan::LoadPlan;
use crate::scout;

/// The thread. It ends when this is dropped.
pub(crate) struct Attendant {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attendant {
    /// Starts the thread. It publishes new layouts on request, and opens the connections that workers request.
    pub(crate) fn start(
        plan: Arc<LoadPlan>,
        refresh: Arc<Notify>,
        layouts: watch::Sender<Arc<Layout>>,
        requests: mpsc::Receiver<OpenRequest>,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = scout::keep_layout_fresh(&plan, &refresh, &layouts) => {}
                    () = keep_opening(requests, plan.connect_timeout) => {}
                    _ = ended => {}
                }
            });
            // The resolution of a name may still hang.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("load-attendant".to_owned()).spawn(serve)?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has no result, and its panic has been printed.
            let _ended = thread.join();
        }
    }
}
