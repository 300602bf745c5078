//! Drift as the emulator found it, reduced to what a change set would put right.

use axum::http::HeaderMap;
use serde_json::Value;

use super::super::form::Form;
use super::super::upstream::Upstream;
use super::super::xml::Element;

/// A resource that is not as its template says.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) resource_type: String,
    pub(super) found_at: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Deleted,
    Modified { expected: Value, actual: Value, differences: Vec<Difference> },
}

/// One property that differs.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// A JSON pointer into the properties.
    pub(super) path: String,
    /// What the template says; none where the live resource has something on top.
    pub(super) expected: Option<String>,
    /// What the live resource has; none where it lacks the property.
    pub(super) actual: Option<String>,
    /// The change set's template says what is there already.
    pub(super) is_synced: bool,
}

impl Difference {
    /// The property of the resource under which the difference lies.
    pub(super) fn property(&self) -> &str {
        self.path.trim_start_matches('/').split('/').next().unwrap_or_default()
    }

    /// Whether it is a tag that someone else added; a revert leaves those alone.
    fn is_external_tag(&self) -> bool {
        self.expected.is_none() && self.property() == "Tags"
    }
}

impl Drift {
    /// Marks what a change set's template says as it is; `wanted` tells a whole property's value.
    pub(super) fn synced_with(mut self, wanted: impl Fn(&str, &str) -> Option<String>) -> Self {
        if let Kind::Modified { differences, .. } = &mut self.kind {
            for difference in differences {
                let is_whole = difference.path == format!("/{}", difference.property());
                let wanted = wanted(&self.logical_id, difference.property());
                difference.is_synced = is_whole && difference.actual.is_some() && wanted == difference.actual;
            }
        }
        self
    }
}

/// Detects the drift of a stack and reads it, every page of it.
pub(super) async fn detect(upstream: &Upstream, headers: &HeaderMap, stack: &str) -> anyhow::Result<Vec<Drift>> {
    upstream.result(headers, &Form::action("DetectStackDrift").with("StackName", stack)).await?;
    let mut drifts = Vec::new();
    let first = Form::action("DescribeStackResourceDrifts").with("StackName", stack);
    let mut page = first.clone();
    loop {
        let result = upstream.result(headers, &page).await?;
        drifts.extend(result.members("StackResourceDrifts").iter().filter_map(read));
        match result.text_of("NextToken") {
            "" => return Ok(drifts),
            token => page = first.clone().with("NextToken", token),
        }
    }
}

/// One resource's drift; none where there is nothing to put right.
fn read(resource: &Element) -> Option<Drift> {
    let kind = match resource.text_of("StackResourceDriftStatus") {
        "DELETED" => Kind::Deleted,
        "MODIFIED" => modified(resource)?,
        _ => return None,
    };
    Some(Drift {
        logical_id: resource.text_of("LogicalResourceId").to_owned(),
        physical_id: resource.text_of("PhysicalResourceId").to_owned(),
        resource_type: resource.text_of("ResourceType").to_owned(),
        found_at: resource.text_of("Timestamp").to_owned(),
        kind,
    })
}

fn modified(resource: &Element) -> Option<Kind> {
    let differences = resource.members("PropertyDifferences").iter().map(difference);
    let differences: Vec<Difference> = differences.filter(|difference| !difference.is_external_tag()).collect();
    let properties = |name| serde_json::from_str(resource.text_of(name)).unwrap_or(Value::Null);
    let (expected, actual) = (properties("ExpectedProperties"), properties("ActualProperties"));
    (!differences.is_empty()).then_some(Kind::Modified { expected, actual, differences })
}

fn difference(member: &Element) -> Difference {
    let kind = member.text_of("DifferenceType");
    let value = |name, missing| (kind != missing).then(|| member.text_of(name).to_owned());
    Difference {
        path: member.text_of("PropertyPath").to_owned(),
        expected: value("ExpectedValue", "ADD"),
        actual: value("ActualValue", "REMOVE"),
        is_synced: false,
    }
}
