//! Which named graph a tenant's data lives in.

use crate::ConfigError;

/// The graph that is used when a caller names none.
pub const DEFAULT_GRAPH: &str = "__bus__";
/// What published clients use for it since 0.48, unless they have [`DEFAULT_GRAPH_VAR`].
pub const CLIENTS_DEFAULT_GRAPH: &str = "__commons__";
/// Variable that replaces [`DEFAULT_GRAPH`].
pub const DEFAULT_GRAPH_VAR: &str = "KG_DEFAULT_GRAPH";

/// The default graph from configuration: [`DEFAULT_GRAPH_VAR`] read through `lookup`, else [`DEFAULT_GRAPH`].
/// An empty value counts as unset.
pub fn default_graph(lookup: impl Fn(&str) -> Option<String>) -> String {
    lookup(DEFAULT_GRAPH_VAR).filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_GRAPH.to_owned())
}

/// The well-known base name that `graph` stands under, itself or as a tenant's graph, when `base` is another one.
#[must_use]
pub fn other_base(graph: &str, base: &str) -> Option<&'static str> {
    let stands_under = |known: &str| {
        let slug = || graph.strip_prefix("tenant__")?.strip_suffix(known)?.strip_suffix("__");
        graph == known || slug().is_some_and(|slug| !slug.is_empty())
    };
    [DEFAULT_GRAPH, CLIENTS_DEFAULT_GRAPH].into_iter().find(|known| *known != base && stands_under(known))
}

/// The graph of a tenant: `tenant__{slug}__{base}`; no tenant or an empty one gives `base` itself.
///
/// Different tenants may have the same slug (`Acme Corp` and `acme_corp`): this function does not know the other
/// tenants, so whoever does must compare.
///
/// # Errors
/// [`ConfigError::TenantSlug`] when nothing of the tenant id survives. (The reference client puts such a tenant
/// into the shared base graph.)
pub fn tenant_graph_name(tenant: Option<&str>, base: &str) -> Result<String, ConfigError> {
    let Some(tenant) = tenant.filter(|tenant| !tenant.is_empty()) else {
        return Ok(base.to_owned());
    };
    match slug(tenant) {
        slug if slug.is_empty() => Err(ConfigError::TenantSlug { tenant: tenant.to_owned() }),
        slug => Ok(format!("tenant__{slug}__{base}")),
    }
}

/// The graph a request goes to: a named graph other than the default as it is, else the tenant's graph, else the
/// default. An empty explicit name counts as none.
///
/// # Errors
/// As [`tenant_graph_name`].
pub fn resolve_routing_graph(
    explicit: Option<&str>,
    tenant: Option<&str>,
    default: &str,
) -> Result<String, ConfigError> {
    match explicit {
        Some(graph) if !graph.is_empty() && graph != default => Ok(graph.to_owned()),
        Some(_) | None => tenant_graph_name(tenant, default),
    }
}

/// Runs of anything but `A-Z a-z 0-9 _ . -` become one `_`, `_` is stripped at both ends, the rest is lowered.
/// White space at the ends, which the reference strips first, goes the same way.
fn slug(tenant: &str) -> String {
    let mut slug = String::with_capacity(tenant.len());
    let mut in_run = false;
    for c in tenant.chars() {
        let kept = c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if kept {
            slug.push(c.to_ascii_lowercase());
        } else if !in_run {
            slug.push('_');
        }
        in_run = !kept;
    }
    slug.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the reference's `tenant_graph_name`.
    #[test]
    fn agrees_with_the_reference() {
        for (tenant, graph) in [
            ("acme", "tenant__acme____bus__"),
            ("  Acme Corp\u{2003}\n", "tenant__acme_corp____bus__"),
            ("acme/corp", "tenant__acme_corp____bus__"),
            ("a__b", "tenant__a__b____bus__"),
            ("a_ !_b", "tenant__a___b____bus__"),
            ("__x__", "tenant__x____bus__"),
            ("\u{1c}tab\u{1f}", "tenant__tab____bus__"),
            ("ÄcmeÉ", "tenant__cme____bus__"),
            ("\u{212a}elvin", "tenant__elvin____bus__"),
            ("a.b-c", "tenant__a.b-c____bus__"),
            ("...", "tenant__...____bus__"),
            ("0", "tenant__0____bus__"),
        ] {
            assert_eq!(tenant_graph_name(Some(tenant), DEFAULT_GRAPH).unwrap(), graph, "{tenant:?}");
        }
        assert_eq!(tenant_graph_name(None, "base").unwrap(), "base");
        assert_eq!(tenant_graph_name(Some(""), "base").unwrap(), "base");
    }

    #[test]
    fn a_tenant_without_a_slug_is_refused_by_name() {
        for tenant in [" ", "___", "株式会社", "/!/", "\u{1f980}"] {
            let error = tenant_graph_name(Some(tenant), DEFAULT_GRAPH).unwrap_err().to_string();
            assert!(error.contains(&format!("{tenant:?}")) && error.contains("Give the tenant"), "{error}");
        }
    }

    #[test]
    fn explicit_graph_then_tenant_then_default() {
        let resolve = |explicit, tenant| resolve_routing_graph(explicit, tenant, DEFAULT_GRAPH).unwrap();
        assert_eq!(resolve(Some("a graph/x"), Some("acme")), "a graph/x");
        assert_eq!(resolve(Some("a graph/x"), Some("株")), "a graph/x");
        assert_eq!(resolve(Some(DEFAULT_GRAPH), Some("acme")), "tenant__acme____bus__");
        assert_eq!(resolve(Some(""), Some("acme")), "tenant__acme____bus__");
        assert_eq!(resolve(None, Some("acme")), "tenant__acme____bus__");
        assert_eq!(resolve(Some(DEFAULT_GRAPH), None), DEFAULT_GRAPH);
        assert_eq!(resolve(None, None), DEFAULT_GRAPH);
        assert!(resolve_routing_graph(None, Some("株"), DEFAULT_GRAPH).is_err());
    }

    #[test]
    fn graphs_under_the_other_base_name_are_known() {
        for (graph, base, other) in [
            ("__commons__", "__bus__", Some("__commons__")),
            ("tenant__acme____commons__", "__bus__", Some("__commons__")),
            ("tenant__acme____bus__", "__commons__", Some("__bus__")),
            ("tenant__acme____bus__", "main", Some("__bus__")),
            ("tenant__acme____bus__", "__bus__", None),
            ("__bus__", "__bus__", None),
            ("tenant____bus__", "__commons__", None),
            ("my__commons__", "__bus__", None),
            ("__ingest__", "__bus__", None),
        ] {
            assert_eq!(other_base(graph, base), other, "{graph} {base}");
        }
        assert!(other_base(&tenant_graph_name(Some("A b"), "__commons__").unwrap(), "__bus__").is_some());
    }

    #[test]
    fn the_default_graph_comes_from_configuration() {
        assert_eq!(default_graph(|_| None), "__bus__");
        assert_eq!(default_graph(|_| Some(String::new())), "__bus__");
        assert_eq!(default_graph(|name| (name == "KG_DEFAULT_GRAPH").then(|| "main".to_owned())), "main");
    }
}
