//! An object behind the S3 API. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>

use super::{Credentials, DEFAULT_REGION, Origin, OriginError, Place, Request};
use crate::scheme::S3Object;
use rusty_s3::{S3Action as _, UrlStyle};
use std::time::Duration;
use url::Url;

/// How long a signed request may be used: at once, and a few times for parts of one file.
const SIGNED_FOR: Duration = Duration::from_mins(15);
/// Has the answer tell the checksum that the object was uploaded with. Part of what is signed.
const CHECKSUM_MODE: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");

/// The bucket of an object.
pub struct Bucket {
    api: rusty_s3::Bucket,
    key: String,
    credentials: Option<rusty_s3::Credentials>,
}

impl Bucket {
    /// The bucket of `object`. Without an access key requests are not signed.
    ///
    /// # Errors
    /// If the endpoint is no URL, or the bucket's name none that it can have there.
    pub fn new(object: &S3Object, place: Place<'_>, credentials: Credentials) -> Result<Self, OriginError> {
        let region = place.region.unwrap_or(DEFAULT_REGION).to_owned();
        // Buckets have host names with Amazon, and often none elsewhere.
        let style = if place.endpoint.is_some() { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let amazon = || format!("https://s3.{region}.amazonaws.com");
        let endpoint = place.endpoint.map_or_else(amazon, str::to_owned);
        let url: Url = endpoint.parse().map_err(|_| OriginError::Endpoint(endpoint))?;
        let bucket = rusty_s3::Bucket::new(url, style, object.bucket.clone(), region);
        let Credentials { access_key, session_token, .. } = credentials;
        let credentials = access_key.map(|(id, secret)| match session_token {
            Some(token) => rusty_s3::Credentials::new_with_token(id, secret, token),
            None => rusty_s3::Credentials::new(id, secret),
        });
        Ok(Self {
            api: bucket.map_err(|_| OriginError::Bucket(object.bucket.clone()))?,
            key: object.key.clone(),
            credentials,
        })
    }
}

impl Origin for Bucket {
    fn file(&self) -> &str {
        &self.key
    }

    fn request(&self, at: &str, _revision: Option<&str>) -> Request {
        let mut action = self.api.get_object(self.credentials.as_ref(), at);
        let (name, value) = CHECKSUM_MODE;
        action.headers_mut().insert(name, value);
        Request { url: action.sign(SIGNED_FOR), token: None, headers: vec![CHECKSUM_MODE] }
    }
}
