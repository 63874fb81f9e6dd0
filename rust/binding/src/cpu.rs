//! The CPU features that the libraries below choose by at run time.

/// The features that decide the speed of hashing and scanning here, for people.
#[cfg(target_arch = "x86_64")]
pub(crate) fn features_in_use() -> String {
    let features = [
        ("sha-ni", std::arch::is_x86_feature_detected!("sha")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
    ];
    let present: Vec<&str> = features
        .iter()
        .filter(|feature| feature.1)
        .map(|feature| feature.0)
        .collect();
    if present.is_empty() {
        "portable".to_owned()
    } else {
        present.join(" ")
    }
}

/// The features that decide the speed of hashing and scanning here, for people.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn features_in_use() -> String {
    "portable".to_owned()
}
