//! A collector of traces on the loopback interface: it takes OTLP over HTTP and reads as much of the protobuf as a test wants to know.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A span as the collector got it. Ids are hexadecimal digits.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub trace_id: String,
    pub span_id: String,
    pub parent_id: String,
    pub name: String,
    /// Those that are texts.
    pub attributes: HashMap<String, String>,
}

/// A running collector.
pub struct Collector {
    pub url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let received = spans.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, received) = (connection.unwrap(), received.clone());
                std::thread::spawn(move || serve(connection, &received));
            }
        });
        Self { url, spans }
    }

    /// What was received.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

/// Answers requests on one connection until it ends.
fn serve(connection: TcpStream, received: &Mutex<Vec<Span>>) {
    let mut reader = BufReader::new(&connection);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_ascii_lowercase());
        }
        assert_eq!(head[0], "post /v1/traces http/1.1");
        assert!(head.contains(&"content-type: application/x-protobuf".to_owned()), "{head:?}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        received.lock().unwrap().extend(spans(&body));
        (&connection).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

/// `ExportTraceServiceRequest`: resource spans (1), scope spans (2), spans (2).
fn spans(body: &[u8]) -> Vec<Span> {
    let nested = |message: &[u8], number| {
        let of_number = fields(message).into_iter().filter(move |field| field.0 == number);
        of_number.map(|field| field.1).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for resource_spans in nested(body, 1) {
        for scope_spans in nested(&resource_spans, 2) {
            found.extend(nested(&scope_spans, 2).iter().map(|span| read_span(span)));
        }
    }
    found
}

fn read_span(message: &[u8]) -> Span {
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let mut span = Span::default();
    for (number, content) in fields(message) {
        match number {
            1 => span.trace_id = hexadecimal(&content),
            2 => span.span_id = hexadecimal(&content),
            4 => span.parent_id = hexadecimal(&content),
            5 => span.name = text(content),
            9 => {
                // `KeyValue`: the key (1), and a value (2) that may be a text (1).
                let (mut key, mut value) = (String::new(), None);
                for (number, content) in fields(&content) {
                    match number {
                        1 => key = text(content),
                        _ => value = fields(&content).into_iter().find(|field| field.0 == 1),
                    }
                }
                if let Some((_, value)) = value {
                    span.attributes.insert(key, text(value));
                }
            }
            _ => {}
        }
    }
    span
}

/// The fields of a protobuf message, by number; of those that are numbers themselves nothing is kept.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let content = match key & 7 {
            0 => {
                varint(&mut message);
                Vec::new()
            }
            1 => message.split_off(..8).unwrap().to_vec(),
            2 => {
                let length = varint(&mut message) as usize;
                message.split_off(..length).unwrap().to_vec()
            }
            5 => message.split_off(..4).unwrap().to_vec(),
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, content));
    }
    found
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = *message.split_off_first().unwrap();
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
