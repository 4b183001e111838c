//! A proxy before a node that changes its replies to CLUSTER NODES, or damages its scripts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NODES: &[u8] = b"*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n";

/// How a reply to CLUSTER NODES is changed.
pub(crate) type Change = fn(&str) -> String;

/// The script after which a damaged node runs no other: its command has keys in two slots.
const POISON: &[u8] = b"redis.call('MGET', KEYS[1], ARGV[1])";
/// What a damaged node answers to every script.
const DAMAGED: &[u8] = b"-ERR Script attempted to access keys that do not hash to the same slot\r\n";

/// Puts a proxy before a node for the rest of the test, and has the node announce the proxy's port.
pub(crate) fn before(node: &str, change: Change) -> String {
    in_front_of(node, change, false)
}

/// Puts a proxy before a node as [`before`] does. Scripts no longer run after one with keys in two slots.
pub(crate) fn before_scripts(node: &str) -> String {
    in_front_of(node, str::to_owned, true)
}

fn in_front_of(node: &str, change: Change, takes_damage: bool) -> String {
    let [port] = crate::support::free_ports();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let hidden = node.to_owned();
    let is_damaged = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&hidden).unwrap());
            pass_through(client, server, change, takes_damage.then(|| Arc::clone(&is_damaged)));
        }
    });
    crate::support::ask(node, &format!("CONFIG SET cluster-announce-port {port}"));
    format!("127.0.0.1:{port}")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn pass_through(client: TcpStream, server: TcpStream, change: Change, is_damaged: Option<Arc<AtomicBool>>) {
    let is_asked = Arc::new(AtomicBool::new(false));
    let (mut from, mut to, asked) = (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&is_asked));
    std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            asked.store(&bytes[..count] == NODES, Ordering::SeqCst);
            if let Some(is_damaged) = &is_damaged
                && contains(&bytes[..count], b"\r\nEVAL")
            {
                if is_damaged.load(Ordering::SeqCst) {
                    from.write_all(DAMAGED).unwrap();
                    continue;
                }
                is_damaged.store(contains(&bytes[..count], POISON), Ordering::SeqCst);
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(std::net::Shutdown::Both);
    });
    let (mut from, mut to) = (server, client);
    std::thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let mut reply = bytes[..count].to_vec();
            if is_asked.swap(false, Ordering::SeqCst) {
                reply = changed(&reply, change);
            }
            if to.write_all(&reply).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(std::net::Shutdown::Both);
    });
}

/// A reply of CLUSTER NODES, which is short enough to come in one piece, with its text changed.
fn changed(reply: &[u8], change: Change) -> Vec<u8> {
    let reply = String::from_utf8(reply.to_vec()).unwrap();
    let (_, text) = reply.split_once("\r\n").unwrap();
    let text = change(text.strip_suffix("\r\n").unwrap());
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}
