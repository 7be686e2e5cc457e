//! Flags of the audit log.

use std::{path::PathBuf, time::Duration};

use epistemic_audit::Rotation;

use crate::config::parse_time;

/// Flags about the audit log (docs/audit.md).
#[derive(Debug, Clone, clap::Args)]
pub struct AuditFlags {
    /// Where the audit log goes, which tells who did what, one line of JSON each: a file, or unix:PATH for a socket of datagrams or
    /// a stream [default: there is none]
    #[arg(long, env = "GRAPH_SERVICE_AUDIT_LOG", value_name = "FILE|unix:PATH")]
    pub audit_log: Option<String>,

    /// What becomes of operations whose line cannot be written
    #[arg(long, env = "GRAPH_SERVICE_AUDIT", default_value = "best-effort", value_name = "MODE")]
    pub audit: AuditMode,

    /// A file of the audit log with so many bytes is put away, and a new one begun
    #[arg(long, default_value_t = 64 << 20, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(4096..))]
    pub audit_rotate_bytes: u64,

    /// So is one whose first line is so old: seconds, or with a unit: 12h, 7d; 0 for never
    #[arg(long, default_value = "1d", value_name = "TIME", value_parser = parse_time)]
    pub audit_rotate_every: Duration,

    /// Files of the audit log that are kept beside the one that is written; 0 keeps all
    #[arg(long, default_value_t = 30, value_name = "COUNT")]
    pub audit_keep: u32,
}

/// What becomes of operations whose line cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditMode {
    /// They are refused: a line is durable before the operation begins, and another one before it is acknowledged
    Required,
    /// They are done, and what is missing in the log is counted
    BestEffort,
}

/// Where lines go.
#[derive(Debug, Clone)]
pub(super) enum Target {
    File(PathBuf, Rotation),
    Socket(PathBuf),
}

impl AuditFlags {
    /// What is wrong with them together.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (self.audit, self.target()) {
            (AuditMode::Required, None) => Err("--audit required needs --audit-log".into()),
            (_, Some(Target::Socket(path))) if path.as_os_str().is_empty() => {
                Err("--audit-log unix: needs the path of a socket".into())
            }
            (AuditMode::Required | AuditMode::BestEffort, _) => Ok(()),
        }
    }

    /// An empty variable is none.
    pub(super) fn target(&self) -> Option<Target> {
        let text = self.audit_log.as_deref().filter(|text| !text.is_empty())?;
        if let Some(path) = text.strip_prefix("unix:") {
            return Some(Target::Socket(path.trim_start_matches("//").into()));
        }
        let rotation = Rotation {
            bytes: self.audit_rotate_bytes,
            every: (!self.audit_rotate_every.is_zero()).then_some(self.audit_rotate_every),
            keep: (self.audit_keep > 0).then_some(self.audit_keep as usize),
        };
        Some(Target::File(text.into(), rotation))
    }
}
