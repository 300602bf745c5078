//! Plans a stack that is not there.

use super::action;
use super::capability::{self, Missing};
use super::create::Create;
use super::diff::creation;
use super::iam;
use super::import::{self, Import};
use super::live::Live;
use super::site::MARK;
use super::status::Standing;
use super::unit::StackUnit;
use super::wanted::Wanted;
use crate::unit::{Change, KindError, Planned, Prepared};

impl StackUnit {
    /// No change set is made: it would leave a stack in review behind.
    pub(super) async fn creation(&self, wanted: Wanted, found: Option<Live>) -> Result<Prepared, KindError> {
        self.check_that_no_other_is_it().await?;
        self.check_capabilities(&wanted)?;
        let template = self.template.as_deref();
        let imports = import::pending(&self.spec.import, template, &[]);
        self.check_that_all_is_imported(&imports)?;
        let mut words = iam::of_template(template, &wanted.capabilities);
        words.extend(import::words(&imports));
        let mut differences = match imports.is_empty() {
            true => creation(template),
            false => imports.iter().map(Import::difference).collect(),
        };
        let (actions, allowed) = (self.actions(), &self.realm.aws.settings().actions);
        differences.extend(action::differences(&actions, allowed));
        let planned = Planned { words, ..Planned::new(Change::Create(differences)) };
        let template = self.template.clone();
        let create = Create { realm: self.realm.clone(), wanted, template, found, imports, actions };
        Ok(Prepared { planned, deed: Some(Box::new(create)) })
    }

    /// An import makes nothing: a stack that begins with one holds what is there already, and no more.
    fn check_that_all_is_imported(&self, imports: &[Import]) -> Result<(), KindError> {
        let resources = self.template.iter().flat_map(|template| template.resources.keys());
        let made: Vec<&str> = resources
            .filter(|id| !imports.iter().any(|import| import.logical_id == **id))
            .map(String::as_str)
            .collect();
        match imports.is_empty() || made.is_empty() {
            true => Ok(()),
            false => {
                let (name, made) = (&self.address.name, made.join(", "));
                let said = format!("the stack `{name}` begins with an import, which cannot also make {made}");
                Err(KindError::refused(said)
                    .hint("leave the others out of the template, and add them once this is synced"))
            }
        }
    }

    /// A stack that was made from this very file under another name would be left over without anybody
    /// who declares or deletes it.
    async fn check_that_no_other_is_it(&self) -> Result<(), KindError> {
        let stacks = self.realm.stacks().await?;
        let is_it = |live: &&Live| {
            let is_there = live.status.standing() != Standing::Absent && !live.is_nested;
            is_there
                && live.name != self.address.name
                && live.tags.get(MARK).is_some_and(|mark| self.mark.is_surely(mark))
        };
        let Some(other) = stacks.values().find(is_it) else { return Ok(()) };
        let (name, other) = (&self.address.name, &other.name);
        let said = format!("the stack `{other}` was made from this file, which calls it `{name}` now");
        Err(KindError::refused(said).hint(match self.earlier.is_empty() {
            true => format!("CloudFormation cannot rename a stack: keep its entry under `moved:`, write `StackName: {other}`, or delete `{other}` first"),
            false => "remove the entry under `moved:`, which is out of date, or delete that stack first".to_owned(),
        }))
    }

    pub(super) fn check_capabilities(&self, wanted: &Wanted) -> Result<(), KindError> {
        let template = self.template.as_deref();
        let Some(missing) = template.and_then(|template| capability::missing(template, &wanted.capabilities)) else {
            return Ok(());
        };
        let Missing { capability, resource, r#type, place } = missing;
        let (file, line) = (&place.file, place.line);
        let said =
            format!("`{resource}`, {type} ({file}:{line}) needs `{capability}`, and the stack file does not give it");
        Err(KindError::refused(said).hint(format!("add `Capabilities: [{capability}]` to {}", self.file)))
    }
}
