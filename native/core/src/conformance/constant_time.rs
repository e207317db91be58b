//! Line 49: what an attacker may guess byte by byte is compared in constant time, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn line_49_macs_and_tags_are_compared_in_constant_time_only() {
    let mut files = Vec::new();
    collect(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut files,
    );
    assert!(files.len() > 20, "{files:?}");
    let mut compared = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap();
            let place = format!("{}:{}: {line}", file.display(), number + 1);
            assert!(!compares_plainly(line), "{place}");
            assert!(!derives_equality_of_a_secret(code, line), "{place}");
            compared += line.matches(".ct_eq(").count();
        }
    }
    assert!(
        compared >= 3,
        "mac1, mac2 and the zero key are compared somewhere"
    );
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
    let guessable = ["mac", "mac1", "mac2", "tag", "cookie", "claimed"];
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
