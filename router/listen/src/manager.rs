//! What the service manager is told: systemd, for a unit of `Type=notify`. Where nobody asks for it, by the variable
//! `NOTIFY_SOCKET`, these do nothing. They never block.

use sd_notify::NotifyState;

/// What the process is at, as `systemctl status` shows it.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// The process listens: its unit counts as started.
pub fn ready(text: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(text)]);
}

/// The process takes no further connections and will end.
pub fn stopping(text: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(text)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager (NOTIFY_SOCKET) cannot be told: {states:?}");
    }
}
