//! The clock of a child process, stepped from outside by libfaketime, where that is installed (Debian: `faketime`).

use std::path::{Path, PathBuf};

use jiff::SignedDuration;

/// Where distributions put the library. The variant for programs with threads.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// Steps the clock of the processes that are started with its environment.
pub struct SteppedClock {
    library: &'static str,
    file: PathBuf,
}

impl SteppedClock {
    /// In step with the machine's, if the library is there; says whether it is.
    pub fn find(home: &Path) -> Option<Self> {
        let library = LIBRARIES.into_iter().find(|library| Path::new(library).exists());
        match library {
            Some(library) => println!("clock steps: the process's own clock, by {library}"),
            None => println!(
                "clock steps: SKIPPED in the process, because libfaketime is not installed (the test of \
                 the steps in this process runs anyway)"
            ),
        }
        let clock = Self { library: library?, file: home.join("clock") };
        clock.step_to(SignedDuration::ZERO);
        Some(clock)
    }

    /// What a process must be started with. Only the time of day is stepped: time that has passed is measured with the other clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Lets the clock be so far ahead of the machine's, or behind it.
    pub fn step_to(&self, ahead: SignedDuration) {
        // Put in place whole: the processes read it all the time.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{:+.3}\n", ahead.as_secs_f64())).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }
}
