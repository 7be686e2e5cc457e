//! What is paid for in several steps: writes, of which only the commit tells what they cost, and graphs that are loaded.

use std::sync::{Arc, atomic::Ordering};

use super::{Refusal, Tenant};

/// A write that a tenant pays for.
pub(crate) struct WriteCharge {
    tenant: Arc<Tenant>,
    /// What is paid already.
    paid: u64,
}

impl WriteCharge {
    /// For a write of about so many bytes, which adds to what is stored, if `grows`.
    ///
    /// # Errors
    /// The tenant has used up what it may write or store; nothing is counted.
    pub(crate) fn begin(tenant: &Arc<Tenant>, bytes: u64, grows: bool) -> Result<Self, Refusal> {
        tenant.write(bytes, grows)?;
        Ok(Self { tenant: Arc::clone(tenant), paid: bytes })
    }

    /// For a write that is not asked for room, because what it is a part of was.
    pub(crate) fn afterwards(tenant: &Arc<Tenant>) -> Self {
        Self { tenant: Arc::clone(tenant), paid: 0 }
    }

    /// So much was written, by a part of the write or all of it.
    pub(crate) fn wrote(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.paid);
        self.paid = self.paid.saturating_sub(bytes);
        if more > 0 {
            self.tenant.wrote(more);
        }
    }
}

/// A graph that a tenant loads: what was read of it counts as stored until this is dropped.
pub(crate) struct Load {
    tenant: Arc<Tenant>,
    bytes: u64,
    /// Bytes of the graph whose place it takes.
    doomed: u64,
}

impl Load {
    /// Begins a load of about so many bytes in place of a graph of `doomed` ones.
    ///
    /// # Errors
    /// The tenant stores as much as it may.
    pub(crate) fn begin(tenant: &Arc<Tenant>, bytes: u64, doomed: u64) -> Result<Self, Refusal> {
        tenant.may_replace(doomed, bytes)?;
        Ok(Self { tenant: Arc::clone(tenant), bytes: 0, doomed })
    }

    /// So many bytes are loaded by now.
    ///
    /// # Errors
    /// They are more than the tenant may store.
    pub(crate) fn has(&mut self, bytes: u64) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        if bytes > self.doomed {
            self.tenant.may_add(self.doomed, more)?;
        }
        self.tenant.usage.loading.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        Ok(())
    }

    /// The graph is there: from now on it counts as written.
    pub(crate) fn finish(self) {
        self.tenant.wrote(self.bytes);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tenant.usage.loading.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
