//! An object behind the S3 API. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>

use super::{Remote, RemoteError, Settings, Wanted, by_name};
use crate::error::FetchError;
use crate::http::{HttpClient, Request};
use flotilla_model_source::S3Object;
use futures::future::BoxFuture;
use rusty_s3::{Credentials, S3Action as _, UrlStyle};
use std::time::Duration;
use url::Url;

/// How long a signed request may be used: each is used once, at once.
const SIGNED_FOR: Duration = Duration::from_mins(15);
/// Has the answer tell the checksum that the object was uploaded with. Part of what is signed.
const CHECKSUM_MODE: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");

pub(super) struct Object {
    bucket: rusty_s3::Bucket,
    key: String,
    credentials: Option<Credentials>,
    sha256: Option<String>,
}

impl Object {
    pub(super) fn new(object: &S3Object, settings: Settings) -> Result<Self, RemoteError> {
        let Settings { endpoint, region, access_key, session_token, sha256, .. } = settings;
        // Buckets have host names with Amazon, and often none elsewhere.
        let style = if endpoint.is_some() { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let url: Url = endpoint.parse().map_err(|_| RemoteError::Endpoint(endpoint))?;
        let bucket = rusty_s3::Bucket::new(url, style, object.bucket.clone(), region);
        let credentials = access_key.map(|(id, secret)| match session_token {
            Some(token) => Credentials::new_with_token(id, secret, token),
            None => Credentials::new(id, secret),
        });
        Ok(Self {
            bucket: bucket.map_err(|_| RemoteError::Bucket(object.bucket.clone()))?,
            key: object.key.clone(),
            credentials,
            sha256,
        })
    }
}

impl Remote for Object {
    fn list<'a>(&'a self, _client: &'a HttpClient) -> BoxFuture<'a, Result<Vec<Wanted>, FetchError>> {
        Box::pin(std::future::ready(Ok(by_name(&self.key, self.sha256.as_ref()))))
    }

    fn request(&self, file: &Wanted) -> Request {
        let mut action = self.bucket.get_object(self.credentials.as_ref(), &file.at);
        let (name, value) = CHECKSUM_MODE;
        action.headers_mut().insert(name, value);
        Request { url: action.sign(SIGNED_FOR), token: None, headers: vec![CHECKSUM_MODE] }
    }
}
