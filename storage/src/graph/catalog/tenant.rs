//! The tenant that a graph belongs to: the unit of fairness and of quotas.

const PREFIX: &str = "tenant__";

/// The tenant of a graph: the one that claimed it, else the one that its name tells, else its owner, else none.
///
/// ```
/// use epistemic_storage::graph::tenant_of;
///
/// assert_eq!(tenant_of(Some("Acme Corp"), "tenant__acme_corp__notes", None), Some("Acme Corp"));
/// assert_eq!(tenant_of(None, "tenant__acme____bus__", Some("bob")), Some("acme"));
/// assert_eq!(tenant_of(None, "notes", Some("bob")), Some("bob"));
/// assert_eq!(tenant_of(None, "notes", None), None);
/// ```
pub fn tenant_of<'a>(claimed_by: Option<&'a str>, name: &'a str, owner: Option<&'a str>) -> Option<&'a str> {
    let some = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
    some(claimed_by).or_else(|| in_name(name)).or_else(|| some(owner))
}

/// The slug in `tenant__SLUG__BASE`. A slug may hold `__` itself: where a base like `__bus__` begins is told by four
/// underscores in a row, else the last two are taken for it.
fn in_name(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PREFIX)?;
    let (slug, base) = rest.split_once("____").or_else(|| rest.rsplit_once("__"))?;
    (!slug.is_empty() && !base.is_empty()).then_some(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slug_of_a_name() {
        for (name, tenant) in [
            ("tenant__acme____bus__", Some("acme")),
            ("tenant__a__b____commons__", Some("a__b")),
            ("tenant__acme__notes", Some("acme")),
            ("tenant__a__b__notes", Some("a__b")),
            ("tenant__acme__my__notes", Some("acme__my")),
            ("tenant__acme", None),
            ("tenant____bus__", None),
            ("tenant__acme__", None),
            ("tenant__", None),
            ("Tenant__acme__notes", None),
            ("notes", None),
        ] {
            assert_eq!(in_name(name), tenant, "{name}");
        }
    }

    #[test]
    fn what_is_empty_is_nobody() {
        assert_eq!(tenant_of(Some(""), "notes", Some("bob")), Some("bob"));
        assert_eq!(tenant_of(None, "notes", Some("")), None);
    }
}
