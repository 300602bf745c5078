//! What the author of a workload says of the health of a kind, in CEL, as in Flux' `healthCheckExprs`.

use std::collections::HashMap;
use std::sync::Arc;

use cel::{Context, ExecutionError, Program};
use serde_json::Value;

use super::{Health, health, must_be_asked, not_seen_yet, presets};
use crate::kinds::workload::object::{ObjectId, split_api_version};
use crate::kinds::workload::spec::HealthSpec;

/// The fields of an object that an expression may begin with.
const FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status", "data"];
/// Whoever needs more writes a controller that keeps a `Ready` condition.
const LONGEST: usize = 500;
/// Of brackets and choices, all told: a parser that descends into each of them has an end.
const DEEPEST: usize = 32;
/// The parser and the interpreter of the crate descend without counting; this holds the deepest allowed.
const STACK: usize = 64 * 1024 * 1024;

/// Says of one kind when it is ready, failed, or on its way.
pub(in crate::kinds::workload) struct HealthRule {
    group: String,
    kind: String,
    current: Program,
    failed: Option<Program>,
    in_progress: Option<Program>,
}

/// The rules of one workload; what they do not speak of follows the rules of its kind.
#[derive(Clone, Default)]
pub(in crate::kinds::workload) struct HealthRules(Arc<[HealthRule]>);

impl HealthRule {
    /// Compiles the expressions; the error names the key whose expression is none.
    pub(in crate::kinds::workload) fn of(spec: &HealthSpec) -> Result<Self, (&'static str, String)> {
        let one = |key: &'static str, text: &str| compile(text).map_err(|why| (key, why));
        let optional = |key, text: &Option<String>| text.as_ref().map(|text| one(key, text)).transpose();
        let (group, _) = split_api_version(&spec.api_version);
        Ok(Self {
            group: group.to_owned(),
            kind: spec.kind.clone(),
            current: one("current", &spec.current)?,
            failed: optional("failed", &spec.failed)?,
            in_progress: optional("inProgress", &spec.in_progress)?,
        })
    }

    pub(super) fn is_for(&self, id: &ObjectId) -> bool {
        id.is(&self.group, &self.kind)
    }

    fn judge(&self, live: &Value) -> Health {
        apart(|| self.judged(live))
            .unwrap_or_else(|| Health::Waiting("`health` of workload.yaml cannot be computed".into()))
    }

    /// In the order of Flux: on its way, failed, ready; and where nothing is true, on its way.
    fn judged(&self, live: &Value) -> Health {
        let context = variables(live);
        let is_true = |program: &Program| program.execute(&context) == Ok(cel::Value::Bool(true));
        if self.in_progress.as_ref().is_some_and(is_true) {
            return Health::Waiting("`inProgress` of workload.yaml is true of it".into());
        }
        if self.failed.as_ref().is_some_and(is_true) {
            return Health::Failed("`failed` of workload.yaml is true of it".into());
        }
        match self.current.execute(&context) {
            Ok(cel::Value::Bool(true)) => Health::Ready,
            // Only names are repeated: a value of the object may be nobody else's business.
            Err(ExecutionError::NoSuchKey(key)) => {
                Health::Waiting(format!("`current` of workload.yaml asks for `{key}`, which it does not have yet"))
            }
            Ok(_) | Err(_) => Health::Waiting("`current` of workload.yaml is not true of it yet".into()),
        }
    }
}

/// Computes on a stack of its own; nothing where that panics, whatever text somebody wrote.
fn apart<T: Send>(compute: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, compute).ok()?;
        thread.join().ok()
    })
}

fn compile(text: &str) -> Result<Program, String> {
    if text.len() > LONGEST || text.matches(['(', '[', '{', '?']).count() > DEEPEST {
        return Err(format!("it has more than {LONGEST} letters or {DEEPEST} brackets"));
    }
    let parsed = apart(|| Program::compile(text).map_err(|error| error.to_string())).ok_or("it cannot be read")?;
    let program = parsed.map_err(|error| error.lines().next().unwrap_or_default().to_owned())?;
    // What a macro names for itself, as `node` of `all(node, node.up)`, is no field.
    let bare: String = text.split_whitespace().collect();
    let is_known =
        |name: &str| FIELDS.contains(&name) || name.starts_with(['@', '_']) || bare.contains(&format!("({name},"));
    let references = program.references();
    let unknown = references.variables().into_iter().find(|name| !is_known(name)).map(str::to_owned);
    match unknown {
        Some(name) => Err(format!("there is no `{name}`, only {}", FIELDS.join(", "))),
        None => Ok(program),
    }
}

/// The fields of an object, each by its name: `status.phase == 'Ready'`.
fn variables(live: &Value) -> Context<'static, 'static> {
    let mut context = Context::default();
    for name in FIELDS {
        context.add_variable_from_value(*name, value(&live[*name]));
    }
    context
}

fn value(json: &Value) -> cel::Value {
    match json {
        Value::Null => cel::Value::Null,
        Value::Bool(truth) => cel::Value::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => cel::Value::Int(whole),
            (None, number) => cel::Value::Float(number.unwrap_or_default()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Value::Object(map) => {
            let map: HashMap<String, cel::Value> = map.iter().map(|(key, below)| (key.clone(), value(below))).collect();
            map.into()
        }
    }
}

impl HealthRules {
    pub(in crate::kinds::workload) fn new(rules: Vec<HealthRule>) -> Self {
        Self(rules.into())
    }

    fn find(&self, id: &ObjectId) -> Option<&HealthRule> {
        self.0.iter().find(|rule| rule.is_for(id)).or_else(|| presets::of(id))
    }

    /// Whether objects of this kind can be anything but ready once they are accepted.
    pub(in crate::kinds::workload) fn must_be_asked(&self, id: &ObjectId) -> bool {
        self.find(id).is_some() || must_be_asked(id)
    }

    /// Judges a live object. What goes away, or was not seen by its controller, is on its way by any rule.
    pub(in crate::kinds::workload) fn health(&self, id: &ObjectId, live: &Value) -> Health {
        match self.find(id) {
            None => health(id, live),
            Some(rule) => not_seen_yet(live).unwrap_or_else(|| rule.judge(live)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(current: &str) -> HealthSpec {
        HealthSpec {
            api_version: "acme.io/v1".into(),
            kind: "Widget".into(),
            current: current.into(),
            failed: Some("status.phase == 'Broken'".into()),
            in_progress: Some("status.phase == 'Building'".into()),
        }
    }

    fn judged(current: &str, live: Value) -> Health {
        let rules = HealthRules::new(vec![HealthRule::of(&spec(current)).unwrap_or_else(|error| panic!("{error:?}"))]);
        let id = ObjectId { group: "acme.io".into(), kind: "Widget".into(), namespace: None, name: "one".into() };
        assert!(rules.must_be_asked(&id));
        rules.health(&id, &live)
    }

    #[test]
    fn a_kind_is_judged_by_what_its_author_says() {
        let ready = "status.phase == 'Live' && status.nodes.all(node, node.up) && size(status.nodes) >= spec.nodes";
        let with =
            |phase: &str, up: bool| json!({"spec": {"nodes": 1}, "status": {"phase": phase, "nodes": [{"up": up}]}});
        assert_eq!(judged(ready, with("Live", true)), Health::Ready);
        assert!(matches!(judged(ready, with("Live", false)), Health::Waiting(_)));
        assert!(matches!(judged(ready, with("Building", true)), Health::Waiting(why) if why.contains("inProgress")));
        assert!(matches!(judged(ready, with("Broken", true)), Health::Failed(_)));
        let conditions = "status.conditions.exists(c, c.type == 'Synced' && c.status == 'True')";
        let synced = json!({"status": {"conditions": [{"type": "Synced", "status": "True"}]}});
        assert_eq!(judged(conditions, synced), Health::Ready);
        assert_eq!(judged("has(status.url)", json!({"status": {"url": "x"}})), Health::Ready);
    }

    #[test]
    fn what_was_not_seen_by_its_controller_is_ready_by_no_expression() {
        let live = json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}});
        assert!(matches!(judged("true", live), Health::Waiting(_)));
        let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert!(matches!(judged("true", going), Health::Waiting(_)));
    }

    #[test]
    fn what_is_not_there_yet_is_waited_for_by_name() {
        assert!(
            matches!(judged("status.url != ''", json!({"status": {}})), Health::Waiting(why) if why.contains("`url`"))
        );
    }

    #[test]
    fn an_expression_that_is_none_is_told_with_its_key() {
        let wrong = |text: &str| HealthRule::of(&spec(text)).err();
        assert!(matches!(wrong("status.phase =="), Some(("current", _))));
        assert!(matches!(wrong("stats.phase == 'x'"), Some((_, why)) if why.contains("no `stats`")));
        assert!(matches!(wrong(&"(".repeat(33)), Some((_, why)) if why.contains("brackets")));
        assert!(matches!(wrong(&"!".repeat(2_000)), Some((_, why)) if why.contains("letters")));
        assert!(wrong(&format!("{}true{}", "(".repeat(32), ")".repeat(32))).is_none());
        assert!(wrong(&"-".repeat(499)).is_some());
        assert!(wrong(&format!("true{}", "&&true".repeat(80))).is_none());
        assert!(wrong(&format!("{}true", "!".repeat(490))).is_none_or(|(key, _)| key == "current"));
    }
}
