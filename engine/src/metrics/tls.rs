//! Series of TLS.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::series::Series;
use crate::tls::Tls;

/// Why a TCP connection was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    /// It began without TLS, which is required.
    Plain,
    /// Its handshake failed.
    Handshake,
}

/// The series.
pub(crate) struct TlsSeries {
    connections: IntCounterVec,
    refused: IntCounterVec,
    not_after: IntGauge,
}

impl TlsSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            connections: series.counters(
                "tcp_connections_total",
                "TCP connections that were served, with TLS or plain.",
                &["transport"],
            )?,
            refused: series.counters(
                "tls_refusals_total",
                "TCP connections that ended before they were served.",
                &["reason"],
            )?,
            not_after: IntGauge::new(
                "tls_certificate_not_after_timestamp_seconds",
                "Unix time at which the certificate ends.",
            )?,
        })
    }

    /// A TCP connection is served.
    pub(crate) fn connected(&self, by_tls: bool) {
        self.connections.with_label_values(&[if by_tls { "tls" } else { "plain" }]).inc();
    }

    /// One is not.
    pub(crate) fn refused(&self, why: Refused) {
        let reason = match why {
            Refused::Plain => "plain",
            Refused::Handshake => "handshake",
        };
        self.refused.with_label_values(&[reason]).inc();
    }

    /// Brings them up to date. A shard without a certificate never has the series of its end.
    pub(super) fn renew(&self, tls: &Tls, registry: &Registry) {
        if let Some(certificates) = &tls.certificates {
            // The only error is that it is there already.
            let _ = registry.register(Box::new(self.not_after.clone()));
            self.not_after.set(certificates.shard.not_after() as i64);
        }
    }
}
