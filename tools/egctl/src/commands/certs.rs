//! `egctl certs`: certificates for a trial.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_storage::durable::NewFile;
use fs_err as fs;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde::Serialize;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

/// A day, and for how long before now certificates are good, for clocks that differ.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The commands about certificates.
#[derive(Subcommand, Debug)]
pub(super) enum CertsCommand {
    Dev(DevArgs),
}

/// Make a CA, a certificate of a server and one of a client, for a trial.
///
/// The key of the CA is kept by nobody: what is to be changed later is made anew. For a real tier use the CA that the other
/// services have.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct DevArgs {
    /// Folder for ca.pem, server.pem, server.key, client.pem and client.key; it must have none of them.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name or address of the server, as endpoints have it; repeat it.
    #[arg(long = "host", value_name = "HOST", default_value = "localhost")]
    hosts: Vec<String>,
    /// Whom the certificate of the client stands for.
    #[arg(long, value_name = "URI", default_value = "urn:epistemic-graph:dev")]
    principal: String,
    /// For how many days they are good.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=825))]
    days: u32,
    #[command(flatten)]
    output: OutputArgs,
}

/// What was made.
#[derive(Serialize)]
struct Made {
    ca: PathBuf,
    server_cert: PathBuf,
    server_key: PathBuf,
    client_cert: PathBuf,
    client_key: PathBuf,
    hosts: Vec<String>,
    principal: String,
}

impl Report for Made {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { ca, server_cert, server_key, client_cert, client_key, hosts, principal } = self;
        let [ca, server_cert, server_key, client_cert, client_key] =
            [ca, server_cert, server_key, client_cert, client_key].map(|path| path.display());
        writeln!(out, "server for {}, client for {principal}", hosts.join(", "))?;
        writeln!(out, "  shard:   --tls-cert {server_cert} --tls-key {server_key} --tls-client-ca {ca}")?;
        writeln!(out, "  clients: export EPISTEMIC_GRAPH_TLS=require EPISTEMIC_GRAPH_TLS_CA={ca}")?;
        writeln!(
            out,
            "           export EPISTEMIC_GRAPH_TLS_CERT={client_cert} EPISTEMIC_GRAPH_TLS_KEY={client_key}"
        )
    }
}

pub(super) fn run(command: &CertsCommand) -> Result<()> {
    match command {
        CertsCommand::Dev(args) => args.output.print(&make(args)?),
    }
}

fn make(args: &DevArgs) -> Result<Made> {
    let path = |name: &str| args.out.join(name);
    let made = Made {
        ca: path("ca.pem"),
        server_cert: path("server.pem"),
        server_key: path("server.key"),
        client_cert: path("client.pem"),
        client_key: path("client.key"),
        hosts: args.hosts.clone(),
        principal: args.principal.clone(),
    };
    let Made { ca, server_cert, server_key, client_cert, client_key, .. } = &made;
    for path in [ca, server_cert, server_key, client_cert, client_key] {
        if fs::symlink_metadata(path).is_ok() {
            let text = format!("'{}' is there already: choose another --out, or remove it", path.display());
            return Err(Failure::new(Exit::Usage, text).into());
        }
    }
    let mut own = params("epistemic-graph trial CA", args.days);
    own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(own, KeyPair::generate()?)?;

    let mut server = params("epistemic-graph trial server", args.days);
    server.subject_alt_names = args.hosts.iter().map(|host| name_of(host)).collect::<Result<_>>()?;
    // A shard is a client of other shards.
    server.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let mut client = params("epistemic-graph trial client", args.days);
    client.subject_alt_names = vec![SanType::URI(args.principal.as_str().try_into()?)];
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

    fs::create_dir_all(&args.out)?;
    for (params, cert, key) in [(server, server_cert, server_key), (client, client_cert, client_key)] {
        let pair = KeyPair::generate()?;
        write(key, &pair.serialize_pem())?;
        write(cert, &params.signed_by(&pair, &issuer)?.pem())?;
    }
    write(ca, &issuer.pem())?;
    Ok(made)
}

fn params(name: &str, days: u32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    params.use_authority_key_identifier_extension = true;
    params
}

fn name_of(host: &str) -> Result<SanType> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Ok(match bare.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(host.try_into()?),
    })
}

/// For its owner alone, like all that egctl writes.
fn write(path: &Path, pem: &str) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(pem.as_bytes())?;
    Ok(file.finish()?)
}
