//! Line 49: what an attacker may guess byte by byte is compared in constant time, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

/// Of everything that computes with secrets: the folder, how many files it has at least, for else it was not read, and how many
/// comparisons. Core's are mac1, mac2 and the zero key, the other two have the tag and the zero key.
const SOURCES: [(&str, usize, usize); 3] = [
    ("core/src", 20, 3),
    ("aead/src", 10, 1),
    ("x25519/src", 4, 1),
];

#[test]
fn line_49_macs_and_tags_are_compared_in_constant_time_only() {
    for (folder, fewest, comparisons) in SOURCES {
        let mut files = Vec::new();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        collect(&crates.join(folder), &mut files);
        assert!(files.len() >= fewest, "{folder}: {files:?}");
        let compared = comparisons_in(&files);
        assert!(compared >= comparisons, "{folder}: {compared} comparisons");
    }
}

/// How many are made in constant time; no other may be there.
fn comparisons_in(files: &[PathBuf]) -> usize {
    let mut compared = 0;
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap();
            let place = format!("{}:{}: {line}", file.display(), number + 1);
            assert!(!compares_plainly(line), "{place}");
            assert!(!derives_equality_of_a_secret(code, line), "{place}");
            compared += line.matches(".ct_eq(").count();
        }
    }
    compared
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            // Tests may compare as they like.
            true if path.ends_with("conformance") => {}
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// `mac1 == …`, `!= tag`, `cookie == …`, whichever way round.
fn compares_plainly(line: &str) -> bool {
    let guessable = ["mac", "mac1", "mac2", "tag", "cookie", "claimed", "folded"];
    let words: Vec<&str> = line
        .split(|letter: char| !letter.is_alphanumeric() && !"_=!".contains(letter))
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(3).any(|three| {
        matches!(three[1], "==" | "!=")
            && (guessable.contains(&three[0]) || guessable.contains(&three[2]))
    })
}

fn derives_equality_of_a_secret(code: &str, line: &str) -> bool {
    let secrets = ["PrivateKey", "PresharedKey", "SharedKey"];
    let is_secret = secrets
        .iter()
        .any(|secret| line.contains(&format!("struct {secret}(")));
    let above = code.split(line).next().unwrap_or_default();
    let mut attributes = above
        .lines()
        .rev()
        .take_while(|line| line.starts_with("#["));
    is_secret && attributes.any(|attribute| attribute.contains("PartialEq"))
}
