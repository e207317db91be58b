//! What one test keeps in files.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{must, unique};

/// A folder of its own for one test's sockets and files.
pub struct Folder {
    pub path: PathBuf,
}

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(unique("d"));
        fs::create_dir(&path).unwrap();
        Folder { path }
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub struct Keys {
    pub private: String,
    pub public: String,
    /// `wg` takes private keys from files.
    pub file: PathBuf,
}

impl Keys {
    pub fn new(folder: &Folder) -> Keys {
        let private = must("wg", &["genkey"]).trim().to_owned();
        let file = folder.join(&unique("k"));
        fs::write(&file, &private).unwrap();
        let mut child = Command::new("wg")
            .arg("pubkey")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(private.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let public = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Keys {
            private,
            public,
            file,
        }
    }
}
