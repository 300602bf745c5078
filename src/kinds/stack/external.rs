//! A stack outside the repository: its outputs are read, and nothing of it is ever touched.

use std::sync::Arc;

use async_trait::async_trait;

use super::create::settled;
use super::realm::Realm;
use super::wait;
use crate::unit::{Change, Inputs, KindError, Look, Planned, Prepared, Promised, Reference, Unit};

/// Where the units of `external:` stand, so that no path of the repository is taken for one.
pub(super) const FOLDER: &str = "external";

/// Somebody else's stack.
pub(super) struct ExternalStack {
    /// As `groundplan.yaml` calls it.
    pub(super) name: String,
    pub(super) stack: String,
    pub(super) realm: Arc<Realm>,
}

#[async_trait]
impl Unit for ExternalStack {
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    fn offers(&self) -> Vec<String> {
        vec![format!("stack:{}/{}/{}", self.realm.account, self.realm.region, self.stack)]
    }

    fn promised(&self) -> Promised {
        Promised::Unknown
    }

    fn is_external(&self) -> bool {
        true
    }

    async fn prepare(&self, _inputs: &Inputs, _look: Look) -> Result<Prepared, KindError> {
        let Self { name, stack, realm } = self;
        let at = format!("in account {}, {}", realm.account, realm.region);
        let Some(live) = Box::pin(settled(realm, stack, wait::longest(realm))).await? else {
            let said = format!("the stack `{stack}`, which somebody else keeps {at}, is not there");
            return Err(KindError::failed(said).hint(format!("is `{name}` under `external:` right, or not made yet?")));
        };
        if !live.status.has_outputs() {
            let status = live.status.as_str();
            let said = format!("the stack `{stack}`, which somebody else keeps {at}, is in {status}");
            return Err(KindError::failed(said).hint("its outputs can be taken once that is over"));
        }
        let planned = Planned { outputs: Some(live.outputs), ..Planned::new(Change::Nothing) };
        Ok(Prepared { planned, deed: None })
    }
}
