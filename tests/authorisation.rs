//! Who may do what, and who may see which objects.

mod documents;
mod matrix;
mod notes;
mod scopes;
mod sentences;
