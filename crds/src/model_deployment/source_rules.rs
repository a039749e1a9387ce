//! Rules for where files come from, in CEL; `self` has the fields of a source.

/// A source in one of its forms.
pub(super) const SOURCE: &str = "!has(self.source) || self.source.matches('^(oci://[a-z0-9.:-]+/[a-z0-9._/-]+(:[A-Za-z0-9._-]+|@sha256:[a-f0-9]{64})(#[^#]+)?|hf://[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(/[^?#]+)?(@[A-Za-z0-9._/-]+)?|s3://[a-z0-9.-]+/[^?#]+|https://[^/@?#]+/[^?#]*[^/?#]([?][^#]+)?|pvc://[a-z0-9.-]+/[^#]+|file:///[^/]+/[^?#]*[^/?#])$')";
pub(super) const SOURCE_MESSAGE: &str = "source must be oci://REGISTRY/REPOSITORY:TAG#FILE (an OCI image that holds the file; FILE defaults to model.gguf), hf://OWNER/REPOSITORY/FILE@REVISION (REVISION defaults to main), s3://BUCKET/KEY, https://HOST/PATH, pvc://CLAIM/PATH or file:///FOLDER/FILE";
/// No way out of the folder.
pub(super) const NO_PARENT: &str = "!has(self.source) || !self.source.contains('/../') && !self.source.contains('#../') && !self.source.endsWith('/..') && !self.source.endsWith('#..')";
pub(super) const NO_PARENT_MESSAGE: &str = "source must not contain '..'";
/// Only hubs and S3 have an endpoint.
pub(super) const ENDPOINT: &str = "!has(self.endpoint) || (has(self.source) && (self.source.startsWith('hf://') || self.source.startsWith('s3://')))";
pub(super) const ENDPOINT_MESSAGE: &str = "endpoint is the hub of an hf:// source or the API of an s3:// source; other sources name their host themselves";
/// Only S3 has regions.
pub(super) const REGION: &str = "!has(self.region) || (has(self.source) && self.source.startsWith('s3://'))";
pub(super) const REGION_MESSAGE: &str = "region is for s3:// sources";
/// Only downloads have credentials.
pub(super) const CREDENTIALS: &str = "!has(self.credentialsRef) || (has(self.source) && (self.source.startsWith('hf://') || self.source.startsWith('s3://') || self.source.startsWith('https://')))";
pub(super) const CREDENTIALS_MESSAGE: &str = "credentialsRef is for hf://, s3:// and https:// sources; for oci:// name a Secret in spec.model.pullSecrets";
/// S3 has keys of fixed names.
pub(super) const CREDENTIALS_KEY: &str = "!has(self.credentialsRef) || !has(self.credentialsRef.key) || !has(self.source) || !self.source.startsWith('s3://')";
pub(super) const CREDENTIALS_KEY_MESSAGE: &str = "credentialsRef.key is for tokens; the Secret of an s3:// source has the keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary credentials, AWS_SESSION_TOKEN";
/// Only downloads are checked.
pub(super) const SHA256: &str = "!has(self.sha256) || (has(self.source) && (self.source.startsWith('hf://') || self.source.startsWith('s3://') || self.source.startsWith('https://')))";
pub(super) const SHA256_MESSAGE: &str = "sha256 is checked of what is downloaded: hf://, s3:// and https:// sources; an oci:// source is checked by its digest";
/// A checksum is of one file.
pub(super) const SHA256_ONE_FILE: &str = "!has(self.sha256) || !has(self.source) || !self.source.matches('-of-[0-9]{5}[.]gguf([?@].*)?$') && !self.source.matches('^hf://[^/@]+/[^/@]+(@.*)?$')";
pub(super) const SHA256_ONE_FILE_MESSAGE: &str =
    "sha256 is the checksum of one file, and this source has several";
