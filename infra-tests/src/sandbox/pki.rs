//! The certificates of one cluster, made in memory: no program of the machine is asked.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Writes `ca.crt`, `api.{crt,key}`, `admin.{crt,key}` and the service accounts' `accounts.{key,pub}`.
pub(super) fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);

    let mut params = named("sandbox-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let ca_key = KeyPair::generate()?;
    write("ca.crt", &params.self_signed(&ca_key)?.pem())?;
    let ca = Issuer::new(params, ca_key);

    let mut params = CertificateParams::new(["localhost", "kubernetes.default.svc", "127.0.0.1"].map(String::from))?;
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    write("api.crt", &params.signed_by(&key, &ca)?.pem())?;
    write("api.key", &key.serialize_pem())?;

    let mut params = named("sandbox-admin");
    params.distinguished_name.push(DnType::OrganizationName, "system:masters");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    write("admin.crt", &params.signed_by(&key, &ca)?.pem())?;
    write("admin.key", &key.serialize_pem())?;

    let accounts = KeyPair::generate()?;
    write("accounts.key", &accounts.serialize_pem())?;
    write("accounts.pub", &accounts.public_key_pem())?;
    Ok(())
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
