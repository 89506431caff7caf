//! The file system that a directory is on.

use std::io;
use std::path::Path;

/// How large a file system is, and how much of it is left for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// All of it, in bytes.
    pub size_bytes: u64,
    /// What can still be written, in bytes.
    pub free_bytes: u64,
}

impl Disk {
    /// Asks the system.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let statistics = rustix::fs::statvfs(directory)?;
        Ok(Self {
            size_bytes: statistics.f_blocks.saturating_mul(statistics.f_frsize),
            free_bytes: statistics.f_bavail.saturating_mul(statistics.f_frsize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_exists_is_on_a_disk() {
        let disk = Disk::of(Path::new("/")).unwrap();
        assert!(0 < disk.free_bytes && disk.free_bytes <= disk.size_bytes, "{disk:?}");
        assert!(Disk::of(Path::new("/nothing/is/here")).is_err());
    }
}
