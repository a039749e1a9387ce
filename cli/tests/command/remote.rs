//! `size --gguf URL` against a real server, right and wrong ones: the figures, and what each message says to change.

use super::flotilla;
use super::model_file::{WEIGHTS, file};
use super::server::{Server, answer, part};

fn size(server: &Server, path: &str, flags: &str) -> super::Ended {
    flotilla(&format!("size --gguf {} -c 2k -s 1 {flags}", server.url(path)))
}

/// What is left to somebody whose server does not do.
const DOWNLOAD: &str = "download the file and name its path";

#[test]
fn a_file_behind_a_url_costs_its_head_alone() {
    let mut content = file();
    let head = content.len();
    content.resize(head + (8 << 20), 0);
    let server = Server::start(move |asked| part(&content, asked));
    let ended = size(&server, "/m-F16.gguf?signature=secret", "--json");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let value = ended.json();
    assert_eq!((&value["basis"], &value["name"]), (&"File".into(), &"m-F16.gguf".into()));
    let asked = server.seen();
    let read: usize = asked.iter().filter_map(|asked| asked.range).map(|(from, last)| last + 1 - from).sum();
    assert!(read < 1 << 20, "{read} bytes of 8 MiB: {asked:?}");
    assert!(asked.iter().all(|asked| asked.path == "/m-F16.gguf?signature=secret"));
    assert!(!format!("{value}{}", ended.stderr).contains("secret"));
}

#[test]
fn a_redirect_to_the_storage_of_a_hub_is_followed() {
    let content = file();
    let storage = Server::start(move |asked| part(&content, asked));
    let target = storage.url("/blob");
    let hub = Server::start(move |_| answer("302 Found", &format!("location: {target}\r\n"), b""));
    let ended = size(&hub, "/m.gguf", "--json");
    assert_eq!(ended.json()["basis"], "File", "{}", ended.stderr);
    let round = Server::start(|_| answer("302 Found", "location: /m.gguf\r\n", b""));
    size(&round, "/m.gguf", "").refused(&["redirects", DOWNLOAD]);
}

#[test]
fn a_server_without_ranges_gives_its_start() {
    let content = file();
    let server = Server::start(move |_| answer("200 OK", "", &content));
    let ended = size(&server, "/m.gguf", "--json");
    assert_eq!(ended.json()["weightsBytes"], WEIGHTS, "{}", ended.stderr);
}

#[test]
fn refusals_say_what_to_change() {
    for (status, pieces) in [
        ("404 Not Found", ["/m.gguf does not exist", "check the name"]),
        ("401 Unauthorized", ["401 Unauthorized", DOWNLOAD]),
        ("403 Forbidden", ["403 Forbidden", DOWNLOAD]),
        ("429 Too Many Requests", ["429 Too Many Requests", DOWNLOAD]),
        ("503 Service Unavailable", ["503 Service Unavailable", "check the address"]),
        ("418 I'm a teapot", ["418", DOWNLOAD]),
    ] {
        let server = Server::start(move |_| answer(status, "", b"no"));
        size(&server, "/m.gguf", "").refused(&pieces);
    }
}

#[test]
fn a_web_page_in_the_place_of_the_file_is_told() {
    let server = Server::start(|_| answer("200 OK", "", b"<!doctype html><p>Sign in"));
    size(&server, "/m.gguf", "").refused(&["/m.gguf is a web page", "GGUF"]);
}

#[test]
fn a_connection_that_is_cut_is_told_with_where() {
    let content = file();
    let server = Server::start(move |asked| {
        let mut bytes = part(&content, asked);
        bytes.truncate(bytes.len() - 50);
        bytes
    });
    size(&server, "/m.gguf", "").refused(&["broke off at byte", "try again"]);
    let server = Server::start(|_| b"HTTP/1.1 206 Par".to_vec());
    size(&server, "/m.gguf", "").refused(&["cannot be reached", "check the address"]);
}

#[test]
fn a_server_that_does_not_answer_ends_at_the_deadline() {
    let server = Server::start(|_| Vec::new());
    size(&server, "/m.gguf", "--timeout 1").refused(&["did not answer within 1 s", "--timeout"]);
}

#[test]
fn nothing_is_read_where_nothing_may_be() {
    let server = Server::start(|_| Vec::new());
    size(&server, "/m.gguf", "--offline").refused(&["--offline reads no URL", "download the file"]);
    assert!(server.seen().is_empty());
}

#[test]
fn places_that_cannot_be_read_are_refused() {
    flotilla("size --gguf ftp://example.com/m.gguf?key=1")
        .refused(&["ftp://example.com/m.gguf cannot", "https://"]);
    flotilla("size --gguf pvc://claim/m.gguf").refused(&["pvc://claim/m.gguf", "a path"]);
    flotilla("size --gguf hf://owner/name").refused(&["hf://OWNER/NAME/FILE"]);
    flotilla("size --gguf file://m.gguf").refused(&["file:///PATH"]);
    flotilla("size --gguf oci://nothing").refused(&["oci://REGISTRY/REPOSITORY:TAG#FILE"]);
}
