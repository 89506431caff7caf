//! The transports, driven over real sockets, and what guards them.

mod admission;
mod authentication;

mod health;
mod http;
mod jwks;
mod rate_limit;
mod sse;
mod toy;
mod websocket;
