//! Who may do what, and who may see which objects.

pub mod documents;
mod matrix;
mod notes;
mod scopes;
mod sentences;
