//! What a graph that a key brings may say of itself: whose it is, and for which tenant.

use epistemic_protocol::placement::tenant_graph_name;
use epistemic_storage::{graph::Graph, snapshot::Header};

use super::{Forbidden, Grant};

/// Whether a graph of this name may be claimed by `tenant`: names of that tenant begin like it, or it is the key's own.
pub(super) fn tenant_fits(grant: &Grant, graph: &str, tenant: Option<&str>) -> Result<(), Forbidden> {
    let Some(tenant) = tenant.filter(|tenant| !tenant.is_empty()) else { return Ok(()) };
    let leads_there = tenant_graph_name(Some(tenant), "").is_ok_and(|prefix| graph.starts_with(&prefix));
    if leads_there || grant.acts_as(tenant) {
        return Ok(());
    }
    Err(Forbidden::Tenant { key: grant.id().to_owned(), tenant: tenant.to_owned() })
}

/// Whether a confined key may restore, under this name, a graph whose snapshot says whose it is. `there` is the one that it
/// replaces.
pub(crate) fn may_claim(
    grant: &Grant,
    name: &str,
    header: &Header,
    there: Option<&Graph>,
) -> Result<(), Forbidden> {
    if !grant.is_confined() {
        return Ok(());
    }
    if !grant.sees(name) {
        return Err(Forbidden::Graph { key: grant.id().to_owned(), graph: name.to_owned() });
    }
    let owner = header.owner.as_deref().filter(|owner| !owner.is_empty());
    if let Some(owner) = owner
        && !grant.acts_as(owner)
        && there.and_then(Graph::owner).as_deref() != Some(owner)
    {
        return Err(Forbidden::Owner { key: grant.id().to_owned(), owner: owner.to_owned() });
    }
    // Under another name it is a copy, which no tenant has claimed.
    let claimed_by = header.tenant.as_deref().filter(|_| name == header.graph);
    if claimed_by.is_some() && there.is_some_and(|graph| graph.tenant() == claimed_by) {
        return Ok(());
    }
    tenant_fits(grant, name, claimed_by)
}
