//! The least that a reverse proxy made with hyper can do: pass requests and answers on as they come. What the
//! router costs above it is what routing, accounting and records cost.

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::http::uri::{Authority, Scheme};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

/// In front of the address that it prints once it listens.
pub const LISTENING: &str = "listening on ";

type Answer = Response<Either<Incoming, Empty<Bytes>>>;

/// Serves until the process is ended.
///
/// # Errors
/// There is no port, or the address is none.
pub async fn serve(upstream: SocketAddr) -> anyhow::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let authority: Authority = upstream.to_string().parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{LISTENING}{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, authority) = (client.clone(), authority.clone());
        let service = service_fn(move |request| {
            let passing = pass(client.clone(), authority.clone(), request);
            async move { Ok::<_, Infallible>(passing.await) }
        });
        tokio::spawn(async move {
            // Clients hang up when they have enough.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn pass(
    client: Client<HttpConnector, Incoming>,
    authority: Authority,
    mut request: Request<Incoming>,
) -> Answer {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    (parts.scheme, parts.authority) = (Some(Scheme::HTTP), Some(authority));
    let failed = || {
        let mut response = Response::new(Either::Right(Empty::new()));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    };
    let Ok(uri) = Uri::from_parts(parts) else { return failed() };
    *request.uri_mut() = uri;
    request.headers_mut().remove(CONNECTION);
    match client.request(request).await {
        Ok(mut response) => {
            response.headers_mut().remove(TRANSFER_ENCODING);
            response.map(Either::Left)
        }
        Err(_) => failed(),
    }
}
