//! Which resources an update may touch: CloudFormation's stack policy, kept as a file of the repository.
//!
//! No change set carries it, so it is set by a call of its own after the change: an update obeys the
//! policy that was there before it, and loosening one takes a sync of its own first.

use serde_json::Value;

use super::realm::Realm;
use crate::aws::{Api, failure};
use crate::problem::Problem;
use crate::repo::Snapshot;
use crate::unit::{Cause, Difference, Effect, KindError, Shown};
use crate::yaml::Node;

/// CloudFormation takes no longer one.
const MOST_BYTES: usize = 16_384;

/// A stack policy and the file that says it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Policy {
    file: String,
    text: String,
    value: Value,
}

impl Policy {
    /// Reads the file that a stack file names at `named`.
    pub(super) fn read(snapshot: &Snapshot, file: &str, named: &Node) -> Result<Self, Problem> {
        let wrong = |said: String| named.problem(said).hint("name a JSON file by its path below templates/");
        let file = &format!("templates/{file}");
        let Some(bytes) = snapshot.file(file) else { return Err(wrong(format!("there is no policy `{file}`"))) };
        if bytes.len() > MOST_BYTES {
            let said = format!("the policy has {} bytes, and CloudFormation takes {MOST_BYTES}", bytes.len());
            return Err(named.problem(said));
        }
        match serde_json::from_slice(bytes) {
            Ok(value @ Value::Object(_)) if value.get("Statement").is_some() => {
                Ok(Self { file: file.clone(), text: String::from_utf8_lossy(bytes).into_owned(), value })
            }
            Ok(_) => Err(wrong(format!("`{file}` is no stack policy: it has no `Statement`"))),
            Err(error) => Err(wrong(format!("`{file}` is no JSON: {error}"))),
        }
    }

    fn is(&self, live: Option<&str>) -> bool {
        live.and_then(|live| serde_json::from_str::<Value>(live).ok()).as_ref() == Some(&self.value)
    }

    /// Its change, as a plan shows it; none where the stack has it already.
    pub(super) async fn difference(&self, realm: &Realm, stack: &str) -> Result<Option<Difference>, KindError> {
        let (session, client) = (realm.session().await?, realm.reader().await?);
        let asked = session.call(Api::Read, || client.get_stack_policy().stack_name(stack).send()).await;
        let deed = format!("cannot read the policy of the stack `{stack}`");
        let asked = asked.map_err(|error| session.name_the_target(failure(deed, error)))?;
        let live = asked.stack_policy_body.as_deref();
        Ok((!self.is(live)).then(|| Difference {
            item: "Stack".to_owned(),
            path: "/StackPolicy".to_owned(),
            from: live.map(|_| Shown::text("another one")),
            to: Some(Shown::text(&self.file)),
            cause: Cause::Declared,
            effect: Effect::InPlace,
            who: None,
        }))
    }

    /// Sets it; done twice is done once.
    pub(super) async fn set(&self, realm: &Realm, stack: &str) -> Result<(), KindError> {
        let (session, client) = (realm.session().await?, realm.writer().await?);
        let call = || client.set_stack_policy().stack_name(stack).stack_policy_body(&self.text).send();
        let done = session.call(Api::Write, call).await;
        let deed = format!("cannot set the policy of the stack `{stack}`");
        done.map(drop).map_err(|error| session.name_the_target(failure(deed, error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::CommitId;
    use crate::yaml;

    #[test]
    fn a_policy_is_a_json_file_and_the_same_however_it_is_written() {
        let files = [
            ("templates/policies/keep.json", "{\"Statement\": []}\n"),
            ("templates/policies/odd.json", "[]"),
            ("templates/a.yaml", "A: b\n"),
        ];
        let snapshot = Snapshot::of_files(CommitId::new("c"), files);
        let named = yaml::parse_one("s.yaml", b"x").expect("valid");
        let read = |file: &str| Policy::read(&snapshot, file, &named).map_err(|problem| problem.message);
        let policy = read("policies/keep.json").expect("a policy");
        assert!(policy.is(Some("{\n  \"Statement\": [ ]\n}")));
        assert!(!policy.is(Some("{\"Statement\": [1]}")) && !policy.is(None));
        assert!(read("policies/odd.json").is_err_and(|said| said.contains("no `Statement`")));
        assert!(read("a.yaml").is_err_and(|said| said.contains("is no JSON")));
        assert!(read("gone.json").is_err_and(|said| said.contains("there is no policy")));
    }
}
