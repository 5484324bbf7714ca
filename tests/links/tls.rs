//! TLS for quinn without certificates: the server shows a raw public key (RFC 7250).

use std::sync::Arc;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use quinn_proto::rustls::crypto::ring::{default_provider, sign};
use quinn_proto::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use quinn_proto::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use quinn_proto::rustls::server::AlwaysResolvesServerRawPublicKeys;
use quinn_proto::rustls::sign::CertifiedKey;
use quinn_proto::rustls::version::TLS13;
use quinn_proto::rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};

/// Of the server.
pub const NAME: &str = "cubic";
/// PKCS #8 before an Ed25519 seed.
const ED25519: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

pub fn server() -> Arc<QuicServerConfig> {
    let key = PrivatePkcs8KeyDer::from([&ED25519[..], &[7; 32]].concat());
    let key = sign::any_eddsa_type(&key).expect("a key");
    let public = key.public_key().expect("its public half").to_vec();
    let shown = Arc::new(CertifiedKey::new(vec![CertificateDer::from(public)], key));
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(shown)));
    Arc::new(QuicServerConfig::try_from(config).expect("ring has AES"))
}

pub fn client() -> Arc<QuicClientConfig> {
    let provider = provider();
    let anybody = Arc::new(Anybody(provider.signature_verification_algorithms));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(anybody)
        .with_no_client_auth();
    Arc::new(QuicClientConfig::try_from(config).expect("ring has AES"))
}

/// Trusts whoever has the key that he shows: there is no one else in this world.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("QUIC has TLS 1.3".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &key.as_ref().into(), signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
