//! Kubeconfig files of the bed's users.

use std::{fs, os::unix::fs::OpenOptionsExt, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    pki::{Authority, Identity},
    ports,
};
use crate::error::{FileContext, Result};

/// Writes a kubeconfig that holds its certificates, so that it can be copied.
///
/// # Errors
/// If a certificate cannot be read or the file not written.
pub(super) fn write(path: &Path, authority: &Authority, user: &Identity) -> Result<()> {
    use std::io::Write;
    let embed = |path: &Path| fs::read(path).context("read", path).map(|text| STANDARD.encode(text));
    let text = format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: flotilla-bed\n  \
           cluster:\n    \
             server: https://{}\n    \
             certificate-authority-data: {}\n\
         users:\n\
         - name: user\n  \
           user:\n    \
             client-certificate-data: {}\n    \
             client-key-data: {}\n\
         contexts:\n\
         - name: flotilla-bed\n  \
           context: {{cluster: flotilla-bed, user: user}}\n\
         current-context: flotilla-bed\n",
        ports::on_bridge(ports::API),
        embed(&authority.certificate)?,
        embed(&user.certificate)?,
        embed(&user.key)?,
    );
    let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).context("write", path)
}
