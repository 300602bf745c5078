//! Templates too large for a call: like everyone else's, they go through a bucket.

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::super::answer::Answer;
use super::super::form::Form;
use super::super::supplied::Asked;
use super::super::xml::Element;

/// The largest template that a call may carry, in bytes.
const LARGEST_BODY: usize = 51_200;

/// A call whose template lies in a bucket of its own, if it had to.
pub(super) struct Stashed {
    pub(super) form: Form,
    /// The bucket and the object, in this order.
    paths: Vec<Uri>,
}

impl Stashed {
    /// Puts the template of a call about a stack into a bucket where it is too large.
    pub(super) async fn new(asked: Asked<'_>, form: Form) -> anyhow::Result<Self> {
        let template = form.get("TemplateBody").unwrap_or_default().to_owned();
        if template.len() <= LARGEST_BODY {
            return Ok(Self { form, paths: Vec::new() });
        }
        let stack_id = form.get("StackName").unwrap_or_default().to_owned();
        // The last part of a stack's id is unique, and fit for a bucket's name.
        let name = format!("proxy-{}", stack_id.rsplit('/').next().unwrap_or_default());
        let (bucket, object): (Uri, Uri) = (format!("/{name}").parse()?, format!("/{name}/template").parse()?);
        s3(asked, Method::PUT, &bucket, location(&stack_id)).await?;
        s3(asked, Method::PUT, &object, template.into()).await?;
        // The emulator reads the path of the address and nothing else of it.
        let form = form.without("TemplateBody").with("TemplateURL", &format!("https://s3.amazonaws.com{object}"));
        Ok(Self { form, paths: vec![bucket, object] })
    }

    /// Takes the bucket away again.
    pub(super) async fn clear(self, asked: Asked<'_>) -> anyhow::Result<()> {
        for path in self.paths.iter().rev() {
            s3(asked, Method::DELETE, path, Bytes::new()).await?;
        }
        Ok(())
    }
}

/// What a new bucket is told about the region of a stack; `us-east-1` is the one that must not be told.
fn location(stack_id: &str) -> Bytes {
    match stack_id.split(':').nth(3) {
        None | Some("us-east-1") => Bytes::new(),
        Some(region) => {
            let location = Element::new("CreateBucketConfiguration").leaf("LocationConstraint", region);
            location.document("http://s3.amazonaws.com/doc/2006-03-01/").into()
        }
    }
}

/// A call to S3 in the name of someone who called CloudFormation.
async fn s3(asked: Asked<'_>, method: Method, path: &Uri, body: Bytes) -> anyhow::Result<()> {
    let headers = for_s3(asked.headers)?;
    let Answer { status, .. } = asked.upstream.forward(method, path, &headers, body).await?;
    anyhow::ensure!(status.is_success(), "the bucket for a large template: the emulator answers {status} to {path}");
    Ok(())
}

fn for_s3(headers: &HeaderMap) -> anyhow::Result<HeaderMap> {
    let mut headers = headers.clone();
    let signed = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = HeaderValue::from_str(&signed.replace("/cloudformation/", "/s3/"))?;
    headers.insert(AUTHORIZATION, signed);
    headers.remove(CONTENT_TYPE);
    headers.remove(HeaderName::from_static("x-amz-content-sha256"));
    Ok(headers)
}
