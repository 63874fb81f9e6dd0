//! Law 1: core's dependency tree holds no Python, no runtime and no socket library.

use std::process::Command;

#[test]
fn the_dependency_tree_is_pure() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "mailauth-core",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .output()
        .expect("cargo runs, it started this test");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("mailauth-core"), "cargo tree printed nothing");
    for crate_name in ["pyo3", "tokio", "mio", "nix", "socket2", "rand", "chrono"] {
        let is_named = tree
            .lines()
            .any(|line| line.split(' ').next() == Some(crate_name));
        assert!(!is_named, "core depends on {crate_name}");
    }
}
