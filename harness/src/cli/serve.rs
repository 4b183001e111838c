//! Serves the page of `--metrics` over HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;

use super::failure::Failure;
use crate::report::load::{MEDIA_TYPE, MetricsPage};

/// The most connections at a time; further ones wait.
const CONNECTIONS_MAX: usize = 32;

/// Opens the port.
///
/// # Errors
///
/// If it is taken, or not an address of this machine.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Metrics { address, source })
}

/// Serves the page until the task is aborted.
pub(super) async fn serve(listener: TcpListener, page: MetricsPage) {
    let (page, connections) = (Rc::new(page), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let page = Rc::clone(&page);
        spawn_local(async move {
            let service = service_fn(|request| std::future::ready(answer(&request, &page)));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            // A client that goes away is no problem of the run.
            let _gone = http.serve_connection(TokioIo::new(stream), service).await;
            drop(permit);
        });
    }
}

fn answer(request: &Request<Incoming>, page: &MetricsPage) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/metrics" {
        let mut response = Response::new(Full::from("the metrics are at /metrics\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let mut response = Response::new(Full::from(page.text()));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}
