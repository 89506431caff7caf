//! A small disk that can be filled: a file system of its own in a file, where the machine lets us mount one; else a limit on the size of
//! files, which the server meets as a failing write.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Enough for the log and the read models of a long run.
const SIZE_BYTES: u64 = 4 << 30;

/// Where the data directory lies.
pub enum Disk {
    /// A file system of its own.
    Mounted(Mounted),
    /// A directory of the machine's disk.
    Limited(TempDir),
}

/// A mounted file system; it is unmounted when this is dropped.
pub struct Mounted {
    directory: PathBuf,
    _home: TempDir,
}

impl Disk {
    /// Makes one, and says which.
    pub fn make() -> Self {
        match Mounted::make() {
            Ok(mounted) => {
                println!("full disk: an ext4 file system of its own, through a loop device");
                Self::Mounted(mounted)
            }
            Err(reason) => {
                println!("full disk: a limit on the size of files, because {reason}");
                Self::Limited(tempfile::tempdir().unwrap())
            }
        }
    }

    /// A directory on it.
    pub fn path(&self) -> &Path {
        match self {
            Self::Mounted(mounted) => &mounted.directory,
            Self::Limited(directory) => directory.path(),
        }
    }
}

impl Mounted {
    fn make() -> Result<Self, String> {
        let home = tempfile::tempdir().unwrap();
        let (image, directory) = (home.path().join("disk.img"), home.path().join("disk"));
        // A file with holes: it takes only what is written.
        File::create(&image).unwrap().set_len(SIZE_BYTES).unwrap();
        std::fs::create_dir(&directory).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&directory))?;
        Ok(Self { directory, _home: home })
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }

    /// Takes all the room that is left, but for `left_bytes`.
    pub fn fill(&self, left_bytes: u64) {
        let mut file = File::create(self.ballast()).unwrap();
        // Reserved at once; what cannot be had in large pieces is had in small ones.
        let (mut piece, mut length) = (SIZE_BYTES, 0);
        while piece >= 4096 {
            let reserve = Command::new("fallocate")
                .args(["-o", &length.to_string(), "-l", &piece.to_string()])
                .arg(self.ballast())
                .stderr(Stdio::null())
                .status();
            match reserve.is_ok_and(|status| status.success()) {
                true => length += piece,
                false => piece /= 2,
            }
        }
        let _ = file.flush();
        file.set_len(length.saturating_sub(left_bytes)).unwrap();
    }

    /// Gives the room back.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.directory).status();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
