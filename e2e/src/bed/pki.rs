//! Certificates and keys of one bed. They are made anew each time and never leave its folder.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

use super::{network, paths::Paths};
use crate::error::{FileContext, Result};

/// Name of the files of the cluster's authority.
const CLUSTER: &str = "ca";

/// A certificate authority with its key, able to sign.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate.
    pub(super) certificate: PathBuf,
    /// Its key, which the controller manager signs certificate requests with.
    pub(super) key: PathBuf,
}

/// A signed certificate and its key.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// Path of the certificate.
    pub(super) certificate: PathBuf,
    /// Path of the key.
    pub(super) key: PathBuf,
}

/// What one bed needs.
pub(super) struct Pki {
    /// Signs every certificate of the cluster.
    pub(super) cluster: Authority,
    /// Signs only the aggregator's client certificate.
    pub(super) front_proxy: Authority,
    /// The API server's serving certificate.
    pub(super) api_server: Identity,
    /// The API server towards kubelets.
    pub(super) kubelet_client: Identity,
    /// The aggregator towards extension servers.
    pub(super) front_proxy_client: Identity,
    /// Signs `ServiceAccount` tokens; its certificate is a bare public key.
    pub(super) service_accounts: Identity,
}

/// The certificate that everything in the cluster is checked with.
pub(super) fn cluster_certificate(paths: &Paths) -> PathBuf {
    paths.pki().join(format!("{CLUSTER}.crt"))
}

impl Pki {
    /// Makes all of it.
    ///
    /// # Errors
    /// If a key cannot be made or a file not written.
    pub(super) fn create(paths: &Paths) -> Result<Self> {
        let folder = paths.pki();
        fs::create_dir_all(&folder).context("create", &folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).context("protect", &folder)?;
        let cluster = Authority::create(&folder, CLUSTER)?;
        let front_proxy = Authority::create(&folder, "front-proxy-ca")?;
        let names = api_server_names();
        let api_server = cluster.sign(
            &folder,
            "apiserver",
            ("kube-apiserver", None),
            &names,
            ExtendedKeyUsagePurpose::ServerAuth,
        )?;
        let kubelet_client =
            cluster.client(&folder, "apiserver-kubelet-client", "kube-apiserver", Some("system:masters"))?;
        let front_proxy_client =
            front_proxy.client(&folder, "front-proxy-client", "front-proxy-client", None)?;
        let service_accounts = Identity {
            certificate: folder.join("service-accounts.pub"),
            key: folder.join("service-accounts.key"),
        };
        let key = KeyPair::generate()?;
        write_key(&service_accounts.key, &key)?;
        fs::write(&service_accounts.certificate, key.public_key_pem())
            .context("write", &service_accounts.certificate)?;
        Ok(Self { cluster, front_proxy, api_server, kubelet_client, front_proxy_client, service_accounts })
    }
}

impl Authority {
    fn create(folder: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(&format!("flotilla-bed {name}"), None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        fs::write(&certificate, issuer.pem()).context("write", &certificate)?;
        write_key(&key, issuer.key())?;
        Ok(Self { issuer, certificate, key })
    }

    /// Signs a client certificate: to Kubernetes, `user` is the common name and `group` the organisation.
    ///
    /// # Errors
    /// If the key cannot be made or a file not written.
    pub(super) fn client(
        &self,
        folder: &Path,
        file: &str,
        user: &str,
        group: Option<&str>,
    ) -> Result<Identity> {
        self.sign(folder, file, (user, group), &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(
        &self,
        folder: &Path,
        file: &str,
        (user, group): (&str, Option<&str>),
        names: &[String],
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Identity> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = subject(user, group);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key_pair = KeyPair::generate()?;
        let signed = params.signed_by(&key_pair, &self.issuer)?;
        let (certificate, key) = (folder.join(format!("{file}.crt")), folder.join(format!("{file}.key")));
        fs::write(&certificate, signed.pem()).context("write", &certificate)?;
        write_key(&key, &key_pair)?;
        Ok(Identity { certificate, key })
    }
}

fn api_server_names() -> Vec<String> {
    let service = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let mut names: Vec<String> = service.map(str::to_owned).to_vec();
    names.extend([network::HOST.to_string(), network::API_SERVICE.to_owned(), "127.0.0.1".to_owned()]);
    names
}

fn subject(user: &str, group: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(group) = group {
        name.push(DnType::OrganizationName, group);
    }
    name.push(DnType::CommonName, user);
    name
}

fn write_key(path: &Path, key: &KeyPair) -> Result<()> {
    use std::io::Write;
    let options = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    options.and_then(|mut file| file.write_all(key.serialize_pem().as_bytes())).context("write", path)
}
