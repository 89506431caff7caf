//! The transports, driven over real sockets, and what guards them.

mod admission;
mod authentication;

mod health;
mod http;
mod jwks;
mod sse;
mod toy;
mod websocket;
