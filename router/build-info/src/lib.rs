//! What the programs of one build have in common.

/// The commit that they were built of, 12 hexadecimal digits, or what the variable `EG_COMMIT` said at the time of the build;
/// `unknown` without it and without a repository. A tree that is built again and again has the commit of its first build.
pub const COMMIT: &str = env!("EG_BUILT_COMMIT");

/// The version of all programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
