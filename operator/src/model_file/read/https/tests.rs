use super::{HttpsClient, HttpsFile};
use crate::internal_hosts::InternalHosts;
use crate::model_file::read::{ReadAt, ReadError};
use bytes::Bytes;
use flotilla_model_source::origin::Request;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const SIZE: usize = 10_000;

/// One that may ask this machine.
fn client() -> HttpsClient {
    HttpsClient::new(None, InternalHosts { allowed: true, api_server: None }).unwrap()
}

fn content() -> Vec<u8> {
    (0..SIZE).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// A request's path, its headers in lower case, and the range it asks for.
struct Asked {
    path: String,
    head: String,
    range: (usize, usize),
}

/// A server that answers every connection once, with whatever bytes `answer` makes; none means never.
struct Server {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Server {
    async fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                connections.spawn(async move { serve(stream, &*answer).await });
            }
        });
        Self { address, _task: task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn file(&self, path: &str) -> HttpsFile {
        HttpsFile::new(client(), &self.url(path), None).unwrap()
    }
}

async fn serve(mut stream: TcpStream, answer: &(dyn Fn(&Asked) -> Vec<u8> + Send + Sync)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let range = head.split("range: bytes=").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let (from, to) = range.split_once('-').unwrap();
    let range = (from.parse().unwrap(), to.parse::<usize>().unwrap() + 1);
    match answer(&Asked { path, head, range }) {
        bytes if bytes.is_empty() => std::future::pending().await,
        // The client may have gone after the part that it wanted.
        bytes => drop(stream.write_all(&bytes).await),
    }
}

/// An answer that says how long its body is.
fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// What a server that does everything right answers.
fn right(asked: &Asked) -> Vec<u8> {
    let (from, to) = (asked.range.0, asked.range.1.min(SIZE));
    if from >= SIZE {
        return answer("416 Range Not Satisfiable", &format!("content-range: bytes */{SIZE}\r\n"), b"");
    }
    let range = format!("content-range: bytes {from}-{}/{SIZE}\r\n", to - 1);
    answer("206 Partial Content", &range, &content()[from..to])
}

fn redirect(to: &str) -> Vec<u8> {
    answer("302 Found", &format!("location: {to}\r\n"), b"")
}

fn reason(result: Result<Bytes, ReadError>) -> String {
    match result {
        Err(ReadError::Answer { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn parts_are_read() {
    let server = Server::start(right).await;
    let file = server.file("/m.gguf?signature=secret");
    assert_eq!(file.name(), server.url("/m.gguf"), "a query may hold secrets");
    assert_eq!(file.size().await, Ok(SIZE as u64));
    assert_eq!(file.read_at(300, 50).await.unwrap(), content()[300..350]);
    assert_eq!(file.read_at(9_990, 50).await.unwrap(), content()[9_990..]);
    assert_eq!(file.read_at(10_000, 50).await, Ok(Bytes::new()));
    // A file whose length is not known yet.
    assert_eq!(server.file("/m.gguf").read_at(20_000, 50).await, Ok(Bytes::new()));
    assert_eq!(server.file("/m.gguf").read_at(0, 0).await, Ok(Bytes::new()));
}

#[tokio::test]
async fn redirects_are_followed_without_the_token() {
    let storage = Server::start(|asked| {
        assert!(!asked.head.contains("authorization"), "the token is for the first host");
        right(asked)
    })
    .await;
    let target = storage.url("/blob?signature=1");
    let hub = Server::start(move |asked| {
        assert!(asked.head.contains("authorization: bearer letmein"));
        match asked.path.as_str() {
            "/m.gguf" => redirect("/api/m.gguf"),
            _ => redirect(&target),
        }
    })
    .await;
    let token = Some("LetMeIn".to_owned());
    let file = HttpsFile::new(client(), &hub.url("/m.gguf"), token).unwrap();
    assert_eq!(file.read_at(5, 5).await.unwrap(), content()[5..10]);
}

#[tokio::test]
async fn further_headers_go_where_the_token_goes() {
    let storage = Server::start(|asked| {
        assert!(!asked.head.contains("x-amz-checksum-mode"), "it is for the first host");
        right(asked)
    })
    .await;
    let target = storage.url("/blob");
    let bucket = Server::start(move |asked| {
        assert!(asked.head.contains("x-amz-checksum-mode: enabled"));
        redirect(&target)
    })
    .await;
    let headers = vec![("x-amz-checksum-mode", "ENABLED")];
    let request = Request { url: bucket.url("/m.gguf").parse().unwrap(), token: None, headers };
    let file = HttpsFile::of(client(), request).unwrap();
    assert_eq!(file.read_at(5, 5).await.unwrap(), content()[5..10]);
}

#[tokio::test]
async fn the_version_is_what_the_server_says() {
    let with = |tag: &'static str| {
        Server::start(move |asked| {
            let mut answer = String::from_utf8_lossy(&right(asked)).into_owned();
            answer.insert_str(answer.find("content-length").unwrap(), tag);
            answer.into_bytes()
        })
    };
    let server = with("etag: \"v1\"\r\n").await;
    assert_eq!(server.file("/m").version().await.unwrap().as_deref(), Some("\"v1\""));
    let server = with("").await;
    assert_eq!(server.file("/m").version().await, Ok(None));
}

#[tokio::test]
async fn hosts_inside_are_not_asked() {
    let server = Server::start(|_| unreachable!("it was asked")).await;
    let port = server.address.port();
    let judged = HttpsClient::new(None, InternalHosts::default()).unwrap();
    // What is written may be harmless; then what it leads to is judged.
    let by_lookup = HttpsClient { hosts: client().hosts, ..judged.clone() };
    for (client, host) in [(&judged, "127.0.0.1"), (&judged, "localhost"), (&by_lookup, "localhost")] {
        let file = HttpsFile::new(client.clone(), &format!("http://{host}:{port}/m"), None).unwrap();
        let error = file.read_at(0, 5).await.unwrap_err();
        assert!(matches!(error, ReadError::Internal { .. }), "{host}: {error:?}");
    }
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|asked| redirect(&format!("{}x", asked.path))).await;
    assert_eq!(reason(server.file("/m").read_at(0, 5).await), "more than 5 redirects");
    let server = Server::start(|_| redirect("file:///etc/passwd")).await;
    assert_eq!(reason(server.file("/m").read_at(0, 5).await), "a redirect to no http or https URL");
    let server = Server::start(|_| answer("302 Found", "", b"")).await;
    assert_eq!(reason(server.file("/m").read_at(0, 5).await), "a redirect to no http or https URL");
}

#[tokio::test]
async fn a_server_without_ranges_is_read_from_the_start_up_to_a_bound() {
    let server = Server::start(|_| answer("200 OK", "", &content())).await;
    let file = server.file("/m");
    assert_eq!(file.read_at(300, 50).await.unwrap(), content()[300..350]);
    assert_eq!(file.read_at(9_990, 50).await.unwrap(), content()[9_990..]);
    assert_eq!(file.size().await, Ok(SIZE as u64));

    let server = Server::start(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 40000000000\r\n\r\n".as_bytes();
        [head, &content()].concat()
    })
    .await;
    assert_eq!(server.file("/m").read_at(300, 50).await.unwrap(), content()[300..350]);
    let far = reason(server.file("/m").read_at(30_000_000_000, 50).await);
    assert!(far.contains("ignores Range"), "{far}");
}

#[tokio::test]
async fn another_part_than_asked_for_is_refused() {
    for range in
        ["bytes 0-49/10000", "bytes 300-348/10000", "bytes 300-349", "bytes 349-300/10000", "bytes */10000"]
    {
        let server = Server::start(move |_| {
            answer("206 Partial Content", &format!("content-range: {range}\r\n"), &[0; 50])
        })
        .await;
        reason(server.file("/m").read_at(300, 50).await);
    }
    let server = Server::start(|_| answer("206 Partial Content", "", &[0; 50])).await;
    reason(server.file("/m").read_at(300, 50).await);
}

#[tokio::test]
async fn a_body_of_another_length_than_its_range_is_refused() {
    let range = "content-range: bytes 0-49/10000\r\n";
    let server = Server::start(move |_| answer("206 Partial Content", range, &[0; 51])).await;
    assert_eq!(reason(server.file("/m").read_at(0, 50).await), "more than the 50 bytes that were asked for");
    let server = Server::start(move |_| answer("206 Partial Content", range, &[0; 49])).await;
    let short = server.file("/m").read_at(0, 50).await;
    assert!(matches!(short, Err(ReadError::Truncated { at: 49, wanted: 50, .. })), "{short:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told() {
    let server = Server::start(|asked| {
        let mut bytes = right(asked);
        bytes.truncate(bytes.len() - 20);
        bytes
    })
    .await;
    let broken = server.file("/m").read_at(300, 50).await;
    assert!(matches!(broken, Err(ReadError::Truncated { at: 330, wanted: 350, .. })), "{broken:?}");
    let server = Server::start(|_| b"HTTP/1.1 206 Par".to_vec()).await;
    let broken = server.file("/m").read_at(300, 50).await;
    assert!(matches!(broken, Err(ReadError::Unreachable { .. })), "{broken:?}");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_told() {
    let server = Server::start(|asked| {
        let size = if asked.range.0 == 0 { 10_000 } else { 9_000 };
        let (from, last) = (asked.range.0, asked.range.1 - 1);
        answer("206 Partial Content", &format!("content-range: bytes {from}-{last}/{size}\r\n"), &[0; 50])
    })
    .await;
    let file = server.file("/m");
    assert_eq!(file.read_at(0, 50).await.unwrap().len(), 50);
    assert_eq!(reason(file.read_at(50, 50).await), "the file had 10000 bytes and now has 9000");
}

#[tokio::test]
async fn refusals_say_what_to_change() {
    for (status, wanted) in [
        ("401 Unauthorized", "may not be read (401 Unauthorized); check the credentials"),
        ("403 Forbidden", "may not be read (403 Forbidden); check the credentials"),
        ("404 Not Found", "does not exist; check the name"),
        ("429 Too Many Requests", "cannot be reached: 429 Too Many Requests"),
        ("503 Service Unavailable", "cannot be reached: 503 Service Unavailable"),
        ("416 Range Not Satisfiable", "416 Range Not Satisfiable for a range inside the file"),
        ("204 No Content", "was not answered as asked: 204 No Content"),
    ] {
        let server = Server::start(move |_| answer(status, "", b"")).await;
        let error = server.file("/m").read_at(0, 5).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_ends_at_the_deadline() {
    let server = Server::start(|_| Vec::new()).await;
    let stalled = server.file("/m").read_at(0, 5).await;
    assert!(matches!(stalled, Err(ReadError::Deadline { .. })), "{stalled:?}");
}

#[tokio::test]
async fn a_certificate_of_no_known_authority_is_refused() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    let file = HttpsFile::new(client(), &format!("https://localhost:{port}/m"), None).unwrap();
    let refused = file.read_at(0, 5).await.unwrap_err().to_string();
    assert!(refused.contains("invalid peer certificate"), "{refused}");

    let known = HttpsClient::new(Some(cert.pem().as_bytes()), client().hosts.as_ref().clone()).unwrap();
    let file = HttpsFile::new(known, &format!("https://localhost:{port}/m"), None).unwrap();
    let trusted = file.read_at(0, 5).await.unwrap_err().to_string();
    assert!(!trusted.contains("certificate"), "it hangs up after the handshake: {trusted}");
}

#[tokio::test]
async fn more_than_the_bound_is_not_asked_for() {
    let server = Server::start(right).await;
    let refused = server.file("/m").read_at(0, 1 << 30).await;
    assert!(matches!(refused, Err(ReadError::TooLarge { .. })), "{refused:?}");
    assert!(matches!(server.file("/m").read_at(u64::MAX, 5).await, Err(ReadError::Answer { .. })));
}

#[test]
fn urls_that_are_none_are_refused_without_their_secrets() {
    for (url, name) in [
        ("ftp://host/file?key=1", "ftp://host/file"),
        ("https://user:password@host/file", "https://host/file"),
        ("file.gguf", "file.gguf"),
        ("https://", "https://"),
    ] {
        let refused = HttpsFile::new(client(), url, None).err().unwrap();
        assert_eq!(refused.name, name);
    }
}
