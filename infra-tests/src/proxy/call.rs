//! What is asked of AWS, read from a request the way the service itself reads it.

use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::form::Form;

/// How a service writes its requests and its errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Query,
    Json,
    RestJson,
    RestXml,
}

/// One call: who asks which service for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) service: String,
    pub(super) action: String,
    /// The access key that signs; for the emulator, twelve digits of it are the account.
    pub(super) caller: String,
    pub(super) protocol: Protocol,
    /// The fields of a Query call; empty for the others.
    pub(super) form: Form,
}

impl Call {
    pub(super) fn of(parts: &Parts, body: &[u8]) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let (caller, service) = credential(&parts.headers, query);
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        let form = if is_form(&parts.headers) { Form::parse(body) } else { Form::parse(query.as_bytes()) };
        let (protocol, action) = if let Some(target) = target {
            (Protocol::Json, target.rsplit('.').next().unwrap_or(target).to_owned())
        } else if let Some(action) = form.get("Action") {
            (Protocol::Query, action.to_owned())
        } else {
            let protocol = if service == "s3" { Protocol::RestXml } else { Protocol::RestJson };
            (protocol, format!("{} {}", parts.method, path_template(&service, parts.uri.path(), query)))
        };
        let form = if protocol == Protocol::Query { form } else { Form::default() };
        Self { service, action, caller, protocol, form }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

/// The access key and the service of `KEY/20261121/eu-west-1/SERVICE/aws4_request`, from the header
/// or, for a presigned URL, from the query. Unsigned calls have neither.
fn credential(headers: &HeaderMap, query: &str) -> (String, String) {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = header.split_once("Credential=").map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or(rest));
    let presigned = Form::parse(query.as_bytes());
    let scope = signed.or(presigned.get("X-Amz-Credential")).unwrap_or_default();
    let words: Vec<&str> = scope.split('/').collect();
    let word = |index: usize| words.get(index).copied().unwrap_or_default().to_owned();
    (word(0), word(3))
}

/// A path with the names in it taken out, so that calls of one operation count together.
fn path_template(service: &str, path: &str, query: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if service == "s3" {
        return s3_template(segments.len(), query);
    }
    let dated = usize::from(segments.first().is_some_and(|first| is_date(first)));
    let template = segments.iter().enumerate().map(|(index, segment)| {
        let literal = index < dated || (index - dated) % 2 == 0;
        if literal { format!("/{segment}") } else { "/{}".to_owned() }
    });
    let template: String = template.collect();
    if template.is_empty() { "/".to_owned() } else { template }
}

/// Bucket and key, and the sub-resource (`?versioning`) that makes it another operation.
fn s3_template(segments: usize, query: &str) -> String {
    let path = match segments {
        0 => "/",
        1 => "/{bucket}",
        _ => "/{bucket}/{key}",
    };
    let sub_resource = query.split('&').find(|field| !field.is_empty() && !field.contains('='));
    sub_resource.map_or_else(|| path.to_owned(), |name| format!("{path}?{name}"))
}

/// An API version such as `2015-03-31`, the first segment of some services' paths.
fn is_date(segment: &str) -> bool {
    segment.len() == 10 && segment.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn call(service: &str, method: &str, uri: &str, header: (&str, &str), body: &str) -> Call {
        let scope = format!("AWS4-HMAC-SHA256 Credential=111122223333/20261121/eu-west-1/{service}/aws4_request, X=y");
        let request = Request::builder().method(method).uri(uri).header("authorization", scope);
        let (parts, ()) = request.header(header.0, header.1).body(()).expect("a valid request").into_parts();
        Call::of(&parts, body.as_bytes())
    }

    #[test]
    fn the_action_of_each_protocol_is_found_where_the_service_looks() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let seen = call("cloudformation", "POST", "/", form, "Action=DescribeStacks&StackName=a%2Fb");
        assert_eq!((seen.action.as_str(), seen.protocol), ("DescribeStacks", Protocol::Query));
        assert_eq!(seen.form.get("StackName"), Some("a/b"));

        let seen = call("sqs", "POST", "/", ("x-amz-target", "AmazonSQS.SetQueueAttributes"), "{}");
        assert_eq!((seen.action.as_str(), seen.protocol), ("SetQueueAttributes", Protocol::Json));

        let seen = call("eks", "GET", "/clusters/prod/access-entries/arn%3Aaws", ("x", "y"), "");
        assert_eq!(seen.action, "GET /clusters/{}/access-entries/{}");

        let seen = call("s3", "PUT", "/bucket?versioning", ("x", "y"), "");
        assert_eq!((seen.action.as_str(), seen.protocol), ("PUT /{bucket}?versioning", Protocol::RestXml));
    }

    #[test]
    fn the_caller_of_a_presigned_address_is_read_from_the_query() {
        let uri = "/?Action=GetCallerIdentity&X-Amz-Credential=AKIAEXAMPLE%2F20261121%2Feu-west-1%2Fsts%2Faws4_request";
        let (parts, ()) = Request::builder().uri(uri).body(()).expect("a valid request").into_parts();
        let seen = Call::of(&parts, b"");
        assert_eq!((seen.service.as_str(), seen.action.as_str()), ("sts", "GetCallerIdentity"));
        assert_eq!(seen.caller, "AKIAEXAMPLE");
    }
}
