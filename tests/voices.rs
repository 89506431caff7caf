//! Every voice: staff raise suggestions, criticisms and praise, by name or without; what became of them is told to their authors.

mod anonymity;
mod story;
