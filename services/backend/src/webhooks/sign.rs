//! Signatures as Standard Webhooks has them: of what is sent, and of what comes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockdown_runtime::Secret;
use ring::hmac;
use ring::rand::{self, SystemRandom};

pub(crate) const ID: &str = "webhook-id";
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const SIGNATURE: &str = "webhook-signature";

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
const BYTES: usize = 32;
/// Signatures of one message: more than one while a secret is changed.
const MOST: usize = 8;

/// A new secret, as both sides keep it.
pub(crate) fn new_secret() -> Secret {
    let random = rand::generate::<[u8; BYTES]>(&SystemRandom::new());
    let bytes = random.expect("the operating system gives random bytes").expose();
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// Signs a message with each of the secrets; `None` where one of them is none of ours.
pub(crate) fn sign<'s>(
    secrets: impl IntoIterator<Item = &'s Secret>,
    id: &str,
    timestamp: i64,
    body: &str,
) -> Option<String> {
    let signed = signed(id, &timestamp.to_string(), body.as_bytes());
    let one = |secret: &Secret| {
        let tag = hmac::sign(&key(secret)?, &signed);
        Some(format!("{VERSION}{}", STANDARD.encode(tag)))
    };
    let all: Option<Vec<String>> = secrets.into_iter().map(one).collect();
    Some(all?.join(" "))
}

/// Whether one of the signatures is one of ours. How long it takes says nothing of the right one.
pub(crate) fn is_signed(secret: &Secret, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
    let Some(key) = key(secret) else { return false };
    let signed = signed(id, timestamp, body);
    signatures
        .split(' ')
        .take(MOST)
        .filter_map(|one| STANDARD.decode(one.strip_prefix(VERSION)?).ok())
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok())
}

fn key(secret: &Secret) -> Option<hmac::Key> {
    let text = secret.expose();
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    #[test]
    fn it_signs_as_others_do() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, at, body) = (
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        let signature = sign([&secret], id, at, body).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let is = |signatures: &str| is_signed(&secret, id, &at.to_string(), body.as_bytes(), signatures);
        assert!(is(&signature));
        assert!(is(&format!("v1a,nonsense v1,AAAA {signature}")));
        assert!(!is("v1,AAAA") && !is("") && !is(signature.trim_start_matches("v1,")));
        assert!(!is_signed(&secret, id, "1614265331", body.as_bytes(), &signature));
        assert!(!is_signed(&secret, id, &at.to_string(), b"{}", &signature));
        assert!(!is_signed(
            &new_secret(),
            id,
            &at.to_string(),
            body.as_bytes(),
            &signature
        ));
    }

    #[test]
    fn with_two_secrets_either_side_may_have_changed() {
        let (old, new) = (new_secret(), new_secret());
        assert_ne!(old.expose(), new.expose());
        let signatures = sign([&new, &old], "a", 1, "{}").unwrap();
        for secret in [&old, &new] {
            assert!(is_signed(secret, "a", "1", b"{}", &signatures));
        }
        assert!(sign([&Secret::new("no secret")], "a", 1, "{}").is_none());
    }
}
