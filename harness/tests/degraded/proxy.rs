//! A proxy before a node that changes its replies to CLUSTER NODES.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NODES: &[u8] = b"*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n";

/// How a reply to CLUSTER NODES is changed.
pub(crate) type Change = fn(&str) -> String;

/// Puts a proxy before a node for the rest of the test, and has the node announce the proxy's port.
pub(crate) fn before(node: &str, change: Change) -> String {
    let [port] = crate::support::free_ports();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let hidden = node.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&hidden).unwrap());
            pass_through(client, server, change);
        }
    });
    crate::support::ask(node, &format!("CONFIG SET cluster-announce-port {port}"));
    format!("127.0.0.1:{port}")
}

fn pass_through(client: TcpStream, server: TcpStream, change: Change) {
    let is_asked = Arc::new(AtomicBool::new(false));
    let (mut from, mut to, asked) = (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&is_asked));
    std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            asked.store(&bytes[..count] == NODES, Ordering::SeqCst);
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
