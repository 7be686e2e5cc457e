//! Series of connections, and of what clients keep open on them.

use prometheus::{IntCounter, IntGauge};

use super::{Sources, series::Series};

/// The series.
pub(super) struct ConnectionSeries {
    open: IntGauge,
    limit: IntGauge,
    pushed_out: IntCounter,
    transfers: IntGauge,
    oldest_transfer: IntGauge,
    transfers_ended: IntCounter,
    transactions: IntGauge,
    transaction_bytes: IntGauge,
    transactions_forgotten: IntCounter,
}

impl ConnectionSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            open: series.gauge("connections", "Connections of clients.")?,
            limit: series.gauge("connections_limit", "Connections of clients at most.")?,
            pushed_out: series.counter(
                "connections_pushed_out_total",
                "Connections without an authenticated request that were closed to make room.",
            )?,
            transfers: series.gauge("transfers_open", "Snapshots that are sent or received in pieces.")?,
            oldest_transfer: series.gauge(
                "transfers_oldest_seconds",
                "Age of the oldest of them; exports keep what was overwritten since on disk.",
            )?,
            transfers_ended: series.counter(
                "transfers_ended_idle_total",
                "Of these, those that were ended because nobody went on with them.",
            )?,
            transactions: series
                .gauge("transactions_open", "Transactions that are staged and not committed.")?,
            transaction_bytes: series.gauge("transactions_bytes", "Bytes that they hold.")?,
            transactions_forgotten: series.counter(
                "transactions_forgotten_total",
                "Of these, those that were idle for too long or whose connection ended.",
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, sources: &Sources<'_>) {
        let Sources { places, open_transfers, transactions, .. } = sources;
        self.open.set(places.taken() as i64);
        self.limit.set(places.most() as i64);
        self.pushed_out.inc_by(places.pushed_out().saturating_sub(self.pushed_out.get()));
        let open = open_transfers.open();
        self.transfers.set(open.count as i64);
        self.oldest_transfer.set(open.oldest.as_secs() as i64);
        let ended = open_transfers.ended();
        self.transfers_ended.inc_by(ended.saturating_sub(self.transfers_ended.get()));
        let (open, bytes) = transactions.open();
        self.transactions.set(open as i64);
        self.transaction_bytes.set(bytes as i64);
        let forgotten = transactions.forgotten();
        self.transactions_forgotten.inc_by(forgotten.saturating_sub(self.transactions_forgotten.get()));
    }
}
