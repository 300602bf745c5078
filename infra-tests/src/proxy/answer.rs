//! An answer as it goes back to the caller, and AWS's shapes of an error.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use super::call::Protocol;
use super::xml::Element;

const CLOUDFORMATION: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Status, headers and the whole body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { status, headers, body: Bytes::from(body) }
    }

    /// The result of a CloudFormation action in its envelope.
    pub(super) fn cloudformation(action: &str, result: Vec<Element>) -> Self {
        let result = Element::new(&format!("{action}Result")).with_all(result);
        let metadata = Element::new("ResponseMetadata").leaf("RequestId", REQUEST_ID);
        let envelope = Element::new(&format!("{action}Response")).with(result).with(metadata);
        Self::new(StatusCode::OK, "text/xml", envelope.document(CLOUDFORMATION))
    }

    /// An error in the shape that the service's protocol gives it.
    pub(super) fn error(protocol: Protocol, status: StatusCode, code: &str, message: &str) -> Self {
        let json = serde_json::json!({"__type": code, "message": message}).to_string();
        match protocol {
            Protocol::Query => {
                let error = Element::new("Error").leaf("Type", "Sender").leaf("Code", code).leaf("Message", message);
                let envelope = Element::new("ErrorResponse").with(error).leaf("RequestId", REQUEST_ID);
                Self::new(status, "text/xml", envelope.document(CLOUDFORMATION))
            }
            Protocol::RestXml => {
                let error = Element::new("Error").leaf("Code", code).leaf("Message", message);
                Self::new(status, "application/xml", error.to_string())
            }
            Protocol::Json => Self::new(status, "application/x-amz-json-1.0", json),
            Protocol::RestJson => {
                let mut answer = Self::new(status, "application/json", json);
                if let Ok(code) = HeaderValue::from_str(code) {
                    answer.headers.insert("x-amzn-errortype", code);
                }
                answer
            }
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
