//! The token that an EKS cluster knows us by.

use std::time::{Duration, Instant};

use http::header::HeaderValue;
use tokio::sync::Mutex;

use crate::aws::Session;
use crate::unit::KindError;

/// EKS takes a token for fifteen minutes.
const TOKEN_AGE: Duration = Duration::from_secs(600);

/// The token of an EKS cluster, made anew before it grows old.
pub(super) struct Tokens {
    session: Session,
    cluster: String,
    kept: Mutex<Option<(Instant, HeaderValue)>>,
}

impl Tokens {
    pub(super) fn new(session: Session, cluster: &str) -> Self {
        Self { session, cluster: cluster.to_owned(), kept: Mutex::new(None) }
    }

    pub(super) async fn header(&self) -> Result<HeaderValue, KindError> {
        let mut kept = self.kept.lock().await;
        if let Some((made, header)) = &*kept
            && made.elapsed() < TOKEN_AGE
        {
            return Ok(header.clone());
        }
        let token = self.session.eks_token(&self.cluster).await?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| KindError::failed(format!("the token of cluster `{}` is no header", self.cluster)))?;
        header.set_sensitive(true);
        *kept = Some((Instant::now(), header.clone()));
        Ok(header)
    }

    pub(super) async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}
