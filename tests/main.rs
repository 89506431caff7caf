//! Everything that is tested through the public interface, as one binary, because linking takes longer than running.

mod cases;
mod harness;
mod store;
mod transport;
