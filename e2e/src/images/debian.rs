//! The base of every image: exactly the Debian packages that its program needs, unpacked.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::store::Store;
use crate::{
    bed::Paths,
    command,
    error::{Error, FileContext, Result},
    oci::{Blob, Compression, LayerBuilder},
};

/// What a Rust program needs: the C library, unwinding, and whom to trust.
pub(super) const MINIMAL: &[&str] = &["libc6", "libgcc-s1", "ca-certificates"];

/// What Python and the wheels' native parts need on top.
pub(super) const PYTHON: &[&str] = &[
    "libc6",
    "libgcc-s1",
    "ca-certificates",
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libbz2-1.0",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgomp1",
    "liblzma5",
    "libssl3",
    "libstdc++6",
    "libuuid1",
    "zlib1g",
];

/// Folders that no program reads. Licences (`usr/share/doc/*/copyright`) stay.
const UNUSED: &[&str] = &[
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/gcc",
    "usr/share/gdb",
    "usr/share/bug",
    "usr/share/doc-base",
    "usr/share/binfmts",
    "usr/share/applications",
    "usr/share/pixmaps",
    "usr/lib/python3.11/ensurepip",
    "usr/lib/python3.11/lib2to3",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/unittest",
    "usr/sbin",
    "sbin",
];

/// A downloaded package.
struct Package {
    file: PathBuf,
    /// The checksum in the package list, or the name of a file that has none.
    identity: String,
}

/// The layer with these packages, the user 65532, `/tmp` and the certificates in one file.
///
/// # Errors
/// If a package cannot be downloaded or unpacked.
pub(super) fn base(paths: &Paths, store: &Store, names: &[&str]) -> Result<Blob> {
    let packages = download(paths, names)?;
    let mut parts: Vec<&str> = packages.iter().map(|package| package.identity.as_str()).collect();
    parts.insert(0, "debian");
    store.layer(&parts, Compression::Gzip, |layer| {
        layer.file(
            "etc/passwd",
            0o644,
            b"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n",
        )?;
        layer.file("etc/group", 0o644, b"root:x:0:\nnonroot:x:65532:\n")?;
        layer.folder("tmp", 0o1777)?;
        let mut trusted = Vec::new();
        for package in &packages {
            unpack(layer, &package.file)?;
            trusted.extend(certificates(&package.file)?);
        }
        trusted.sort();
        let bundle: String = trusted.into_iter().map(|(_, text)| text).collect();
        layer.file("etc/ssl/certs/ca-certificates.crt", 0o644, bundle.as_bytes()).map(drop)
    })
}

fn download(paths: &Paths, names: &[&str]) -> Result<Vec<Package>> {
    let folder = paths.cache.join("debs");
    fs::create_dir_all(&folder).context("create", &folder)?;
    let packages = parse(&list(names)?, &folder)?;
    if packages.len() != names.len() {
        return Err(Error::Machine(format!(
            "apt-get offers {} of the packages {}; images are made from Debian 12",
            packages.len(),
            names.join(" ")
        )));
    }
    if packages.iter().any(|package| !package.file.is_file()) {
        command::output(apt_get(&folder).arg("download").args(names))?;
    }
    Ok(packages)
}

/// A machine that never ran `apt-get update` has no list to look in.
fn list(names: &[&str]) -> Result<String> {
    // apt-get leaves out what lies in its working folder already.
    let empty = tempfile::tempdir().context("create", std::env::temp_dir())?;
    let mut print = apt_get(empty.path());
    print.args(["--print-uris", "download"]).args(names);
    match command::output(&mut print) {
        Ok(list) if !list.trim().is_empty() => Ok(list),
        _ => {
            command::output(apt_get(empty.path()).arg("update"))?;
            command::output(&mut print)
        }
    }
}

fn apt_get(folder: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    // The cache belongs to root alone; apt's own download user could not write there.
    apt.current_dir(folder).args(["-qq", "-o", "APT::Sandbox::User=root"]);
    apt
}

/// Lines of `apt-get --print-uris`: address, file name, size, checksum.
fn parse(list: &str, folder: &Path) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    for line in list.lines().filter(|line| line.starts_with('\'')) {
        let mut words = line.split_whitespace().skip(1);
        let name = words.next().ok_or_else(|| Error::Content(format!("apt-get printed {line:?}")))?;
        let identity = words.nth(1).unwrap_or(name).to_owned();
        packages.push(Package { file: folder.join(name), identity });
    }
    packages.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(packages)
}

fn unpack(layer: &mut LayerBuilder, deb: &Path) -> Result<()> {
    with_files(deb, |stream| layer.tar(stream, deb, &is_unused).map(drop))
}

fn is_unused(path: &Path) -> bool {
    if path.starts_with("usr/share/doc") {
        return path.file_name().is_none_or(|name| name != "copyright");
    }
    UNUSED.iter().any(|folder| path.starts_with(folder))
}

/// The certificate authorities in a package, by path. Its install script would write the bundle.
fn certificates(deb: &Path) -> Result<Vec<(PathBuf, String)>> {
    if !deb.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ca-certificates_")) {
        return Ok(Vec::new());
    }
    with_files(deb, |stream| {
        let mut found = Vec::new();
        for entry in tar::Archive::new(stream).entries().context("read", deb)? {
            let mut entry = entry.context("read", deb)?;
            let path = entry.path().context("read", deb)?.into_owned();
            // The documentation has an example that is no certificate.
            if path.starts_with("./usr/share/ca-certificates")
                && path.extension().is_some_and(|extension| extension == "crt")
            {
                let mut text = String::new();
                entry.read_to_string(&mut text).context("read", deb)?;
                found.push((path, text));
            }
        }
        Ok(found)
    })
}

/// Calls `read` with the tar of a package's files.
fn with_files<T>(deb: &Path, read: impl FnOnce(&mut dyn Read) -> Result<T>) -> Result<T> {
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--fsys-tarfile").arg(deb);
    let start = |source| Error::Start { command: command::show(&unpack), source };
    let mut child: Child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let Some(mut stdout) = child.stdout.take() else {
        return Err(Error::Content(format!("dpkg-deb gave no output for {}", deb.display())));
    };
    let result = read(&mut stdout)?;
    // tar readers stop at the end mark; dpkg-deb still wants to write the padding.
    std::io::copy(&mut stdout, &mut std::io::sink()).context("read", deb)?;
    let status = child.wait().context("read", deb)?;
    if status.success() {
        return Ok(result);
    }
    Err(Error::Content(format!(
        "{} is not a Debian package that dpkg-deb can read ({status})",
        deb.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_list_gives_files_and_checksums() {
        let list = "'mirror/zlib1g_1.2.13_amd64.deb' zlib1g_1%3a1.2.13_amd64.deb 86 SHA256:ab\n\
                    'mirror/libc6_2.36_amd64.deb' libc6_2.36_amd64.deb 27 SHA256:cd\n";
        let packages = parse(list, Path::new("/debs")).unwrap();
        assert_eq!(packages[0].file, Path::new("/debs/libc6_2.36_amd64.deb"));
        assert_eq!(packages[0].identity, "SHA256:cd");
        assert_eq!(packages[1].file, Path::new("/debs/zlib1g_1%3a1.2.13_amd64.deb"));
    }

    #[test]
    fn licences_stay_and_manuals_go() {
        assert!(!is_unused(Path::new("usr/share/doc/libc6/copyright")));
        assert!(is_unused(Path::new("usr/share/doc/libc6/changelog.Debian.gz")));
        assert!(is_unused(Path::new("usr/share/man/man1/x")));
        assert!(!is_unused(Path::new("usr/lib/python3.11/json/decoder.py")));
    }
}
