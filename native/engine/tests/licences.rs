//! Everything that goes into the binaries, or builds and tests them, may be used by everybody who may use the engine.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot ask should say so at once"
)]

use std::process::Command;

use serde_json::Value;

/// Permissive ones, without conditions on whoever links them.
const ALLOWED: [&str; 10] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn every_crate_of_the_workspace_has_a_licence_that_is_allowed() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args([
            "--filter-platform",
            &format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "only {} crates", packages.len());

    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !is_allowed(package["license"].as_str().unwrap_or_default()))
        .map(|package| format!("{} ({})", package["name"], package["license"]))
        .collect();

    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn an_expression_is_read_as_its_author_means_it() {
    assert!(is_allowed("MIT OR GPL-3.0"));
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception OR GPL-3.0"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(is_allowed("MIT/Apache-2.0"));
    assert!(!is_allowed("(MIT OR Apache-2.0) AND GPL-3.0"));
    assert!(!is_allowed("MPL-2.0"));
    assert!(!is_allowed(""));
}

/// All of what AND joins, any of what OR joins. The registry has no expression where an OR outside of brackets meets an
/// AND; one that did would be refused.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    expression.split(" AND ").all(|part| {
        let part = part.trim_matches(|c| matches!(c, '(' | ')' | ' '));
        part.split(" OR ")
            .any(|licence| ALLOWED.contains(&licence.trim()))
    })
}
