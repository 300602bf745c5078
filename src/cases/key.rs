//! The two keys of a case: which drift it is, and what it was when it was last seen.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::CaseUnit;
use crate::unit::{EnvironmentName, Shown, UnitId};

/// The key of one installation: without it, a short value could be found by trying all of them
/// against its digest.
#[derive(Clone)]
pub struct InstallKey(Vec<u8>);

impl InstallKey {
    pub fn new(key: Vec<u8>) -> Self {
        Self(key)
    }
}

impl std::fmt::Debug for InstallKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallKey(hidden)")
    }
}

/// Names the same drift in every run: no commit, no time and no live value goes into it.
pub fn case_key(repository: &str, environment: &EnvironmentName, root: &UnitId) -> String {
    let named = serde_json::json!(["case", repository, environment, root]);
    hex::encode(Sha256::digest(named.to_string()))
}

/// Tells "changed again" from "still the same", over what the world holds.
pub fn state_hash(key: &InstallKey, units: &[CaseUnit]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes a key of any length");
    for unit in units {
        for difference in &unit.differences {
            let live = match &difference.from {
                None => "absent",
                // Which hidden value it is cannot be told across processes.
                Some(Shown::Hidden(_)) => "hidden",
                Some(Shown::Text(text)) => text,
            };
            for part in [unit.id.as_str(), &difference.item, &difference.path, live] {
                mac.update(&(part.len() as u64).to_le_bytes());
                mac.update(part.as_bytes());
            }
        }
    }
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{Cause, Coverage, Difference, Effect};

    fn units(live: Option<Shown>) -> Vec<CaseUnit> {
        let difference = Difference {
            item: "Jobs".into(),
            path: "/Properties/VisibilityTimeout".into(),
            from: live,
            to: Some(Shown::text("30")),
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: None,
        };
        vec![CaseUnit { id: UnitId::new("stacks/jobs"), differences: vec![difference], coverage: Coverage::default() }]
    }

    #[test]
    fn the_state_follows_the_live_value_and_the_install_key() {
        let key = InstallKey::new(vec![1; 32]);
        let hash = |key: &InstallKey, live: &str| state_hash(key, &units(Some(Shown::text(live))));
        assert_eq!(hash(&key, "45"), hash(&key, "45"));
        assert_ne!(hash(&key, "45"), hash(&key, "46"));
        assert_ne!(hash(&key, "45"), hash(&InstallKey::new(vec![2; 32]), "45"));
        assert_ne!(hash(&key, "45"), state_hash(&key, &units(None)));
    }

    #[test]
    fn a_hidden_value_counts_the_same_in_every_process() {
        let key = InstallKey::new(vec![1; 32]);
        let hash = |letters: &str| state_hash(&key, &units(Some(Shown::Hidden(letters.into()))));
        assert_eq!(hash("a1"), hash("b2"));
    }

    #[test]
    fn the_key_of_a_case_is_its_repository_environment_and_root() {
        let production = "production".parse().expect("a name");
        let staging = "staging".parse().expect("a name");
        let (vpc, queue) = (UnitId::new("stacks/vpc"), UnitId::new("stacks/queue"));
        assert_eq!(case_key("shop", &production, &vpc), case_key("shop", &production, &vpc));
        let all = [
            case_key("shop", &production, &vpc),
            case_key("shop", &staging, &vpc),
            case_key("shop", &production, &queue),
            case_key("other", &production, &vpc),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn an_install_key_is_never_printed() {
        assert_eq!(format!("{:?}", InstallKey::new(vec![7; 4])), "InstallKey(hidden)");
    }
}
