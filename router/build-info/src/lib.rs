//! What the programs of one build have in common.

/// The commit that they were built of, 12 hexadecimal digits; `unknown` without a repository and without the variable
/// `EG_COMMIT` at the time of the build.
pub const COMMIT: &str = env!("EG_BUILT_COMMIT");

/// The version of all programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
