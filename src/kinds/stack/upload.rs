//! Templates that are too large to be sent: kept in a bucket, under the name of their content.
//!
//! The same template has the same name, so that a second upload changes nothing, and a change set
//! can never see another template than the one it was made from. The bucket must belong to the
//! stack's own account: a name that somebody else took would hand them what is deployed.

use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};
use aws_sdk_s3::primitives::ByteStream;
use sha2::{Digest, Sha256};

use super::realm::Realm;
use super::template::MOST_SENT;
use super::unit::Body;
use crate::aws::{Api, failure, partition};
use crate::unit::KindError;

/// What to send for a template: itself, or where it was put.
pub(super) async fn placed(realm: &Realm, body: &Body) -> Result<Body, KindError> {
    match body {
        Body::Text(text) if text.len() > MOST_SENT => Ok(Body::Url(upload(realm, text).await?)),
        Body::Text(_) | Body::Url(_) => Ok(body.clone()),
    }
}

/// Says before anything is done that there is nowhere to put it.
pub(super) fn check(realm: &Realm, body: &Body) -> Result<(), KindError> {
    match body {
        Body::Text(text) if text.len() > MOST_SENT => bucket(realm, text.len()).map(drop),
        Body::Text(_) | Body::Url(_) => Ok(()),
    }
}

async fn upload(realm: &Realm, text: &str) -> Result<String, KindError> {
    let bucket = bucket(realm, text.len())?;
    let key = format!("groundplan/{}.template", hex::encode(Sha256::digest(text)));
    let session = realm.session().await?;
    let config = Builder::from(&session.for_writing().await?)
        // The name of a bucket may hold dots, which no certificate of a host covers.
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let put = || {
        let put = client.put_object().bucket(&bucket).key(&key).expected_bucket_owner(&realm.account);
        put.content_type("text/plain; charset=utf-8").body(ByteStream::from(text.as_bytes().to_vec())).send()
    };
    let put = session.call(Api::S3, put).await;
    put.map_err(|error| {
        let error = failure(format!("cannot put a template into the bucket `{bucket}`"), error);
        session.name_the_target(error).hint("the bucket must be there, in the stack's own account and region")
    })?;
    let suffix = partition::of(&realm.region).dns_suffix();
    Ok(format!("https://s3.{}.{suffix}/{bucket}/{key}", realm.region))
}

/// The bucket of an account and region.
fn bucket(realm: &Realm, bytes: usize) -> Result<String, KindError> {
    match &realm.aws.settings().template_bucket {
        Some(name) => Ok(name.replace("{account}", &realm.account).replace("{region}", &realm.region)),
        None => Err(KindError::refused(format!(
            "the template has {bytes} bytes: CloudFormation takes {MOST_SENT}, and larger ones from a bucket only"
        ))
        .hint("name one in the operator's settings: `aws: {templateBucket: 'templates-{account}-{region}'}`")),
    }
}
