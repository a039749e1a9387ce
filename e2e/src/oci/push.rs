//! Pushing a layout to a registry with skopeo.

use std::process::Command;

use super::image::Image;
use crate::{command, error::Result};

/// Pushes the image as `reference` (`HOST/NAME:TAG`) unless the registry already has it; whether it was pushed.
/// `insecure` allows plain HTTP.
///
/// # Errors
/// If the registry refuses.
pub fn push(image: &Image, reference: &str, insecure: bool) -> Result<bool> {
    let mut inspect = Command::new("skopeo");
    inspect.args(["inspect", "--format", "{{.Digest}}", &format!("--tls-verify={}", !insecure)]);
    inspect.arg(format!("docker://{reference}"));
    if command::output(&mut inspect).is_ok_and(|digest| digest.trim() == image.digest) {
        return Ok(false);
    }
    let mut copy = Command::new("skopeo");
    // The digest that we computed is the one that is deployed: skopeo must not compress or convert.
    copy.args(["copy", "--quiet", "--preserve-digests", &format!("--dest-tls-verify={}", !insecure)]);
    copy.arg(format!("oci:{}", image.layout.display())).arg(format!("docker://{reference}"));
    command::output(&mut copy)?;
    Ok(true)
}
