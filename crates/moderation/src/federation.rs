//! How records name what a federation does in a guild: in the place of a rule, under a name that no rule of a community has.

use lockdown_store::federations::FederationId;

const PREFIX: &str = "federation:";

/// What is read anew by whoever remembers federations, when one of them or its places changed.
pub const REMEMBERED: &str = "federations";

/// Its name where a rule stands.
pub fn rule(id: FederationId) -> String {
    format!("{PREFIX}{id}")
}

/// The federation that stands in the place of a rule, if one does.
pub fn of_rule(name: &str) -> Option<FederationId> {
    let id = name.strip_prefix(PREFIX)?;
    id.parse().ok().map(FederationId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_federation_is_known_by_its_rule() {
        let id = FederationId(Uuid::from_u128(7));
        assert_eq!(of_rule(&rule(id)), Some(id));
        for other in ["banlists", "federation:", "federation:x", "rule:federation"] {
            assert_eq!(of_rule(other), None, "{other}");
        }
    }
}
