use std::ffi::OsString;

use proptest::prelude::*;

use super::*;

fn faults(variables: &[(&str, &str)]) -> String {
    Config::from_map(variables.iter().copied())
        .expect_err("the configuration is wrong")
        .to_string()
}

#[test]
fn nothing_set_is_the_embedded_system() {
    let config = Config::from_map::<&str, &str>([]).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("./data"));
    assert_eq!(config.http.addr, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.http.public_url.expose(), "http://127.0.0.1:8080/");
    assert!(config.store.url.is_none() && config.bus.url.is_none());
    assert!(config.discord.token.is_none() && config.telegram.token.is_none());
    assert!(config.http.admin_token.is_none() && config.otel.endpoint.is_none());
    assert_eq!(
        (config.log.filter.as_str(), config.log.format),
        ("info", LogFormat::Text)
    );
    assert!(config.secrets().is_empty());
}

#[test]
fn every_variable_of_the_table_is_read() {
    let config = Config::from_map::<&str, &str>([]).unwrap();
    let read: Vec<_> = config.report().iter().map(|row| row.name).collect();
    let table: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(read, table);
}

#[test]
fn what_is_set_is_in_force() {
    let config = Config::from_map([
        ("LOCKDOWN_DATA_DIR", "/srv/lockdown"),
        ("LOCKDOWN_HTTP_ADDR", "0.0.0.0:9000"),
        ("LOCKDOWN_ADMIN_TOKEN", "sixteen-or-more-characters"),
        ("DATABASE_URL", "postgresql://app:hunter2@db/lockdown"),
        ("REDIS_URL", "redis+unix:///run/redis.sock?pass=hunter3"),
        ("DISCORD_TOKEN", "discord.token.text"),
        ("DISCORD_API_URL", "http://127.0.0.1:3000"),
        ("TELEGRAM_TOKEN", "123456:telegram-text"),
        ("TELEGRAM_API_URL", "https://tg.example.org/base"),
        ("RUST_LOG", "warn,lockdown_bus=trace"),
        ("LOCKDOWN_LOG_FORMAT", "json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
    ])
    .unwrap();
    assert_eq!(
        config.http.public_url.expose(),
        "http://127.0.0.1:9000/",
        "everywhere is reached as localhost"
    );
    assert_eq!(
        config.http.admin_token.as_ref().unwrap().expose(),
        "sixteen-or-more-characters"
    );
    assert_eq!(
        config.store.url.as_ref().unwrap().expose(),
        "postgresql://app:hunter2@db/lockdown"
    );
    assert_eq!(
        config.telegram.token.as_ref().unwrap().expose(),
        "123456:telegram-text"
    );
    assert_eq!(config.log.format, LogFormat::Json);
    let value = |name| {
        config
            .report()
            .iter()
            .find(|row| row.name == name)
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(value("DATABASE_URL"), "postgresql://app:***@db/lockdown");
    assert_eq!(value("REDIS_URL"), "redis+unix:///run/redis.sock?pass=***");
    assert_eq!(value("DISCORD_TOKEN"), "set (hidden)");
    assert_eq!(value("LOCKDOWN_PUBLIC_URL"), "http://127.0.0.1:9000/");
    assert_eq!(config.secrets().len(), 5);
}

#[test]
fn what_belongs_together_is_set_together() {
    let config = Config::from_map([
        ("DISCORD_CLIENT_ID", "113311331133113311"),
        ("DISCORD_CLIENT_SECRET", "hunter2-of-the-application"),
        ("TELEGRAM_TOKEN", "123456:telegram-text"),
        ("TELEGRAM_SIGN_IN", "on"),
    ])
    .unwrap();
    assert_eq!(
        config.discord.application.as_ref().unwrap().0,
        "113311331133113311"
    );
    assert!(config.telegram.sign_in);
    assert_eq!(config.secrets().len(), 2);
    assert!(!format!("{config:?}").contains("hunter2"));
    let text = faults(&[("DISCORD_CLIENT_SECRET", "hunter2"), ("TELEGRAM_SIGN_IN", "on")]);
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "DISCORD_CLIENT_ID: found nothing, expected digits, as the OAuth2 page of the developer portal shows them \
             (DISCORD_CLIENT_SECRET is set and needs it)",
            "TELEGRAM_TOKEN: found nothing, expected digits, a colon and text, as @BotFather gives it: 123456789:AAH... \
             (TELEGRAM_SIGN_IN is set and needs it)",
        ]
    );
    let text = faults(&[
        ("DISCORD_CLIENT_ID", "mine"),
        ("DISCORD_CLIENT_SECRET", "a"),
        ("TELEGRAM_SIGN_IN", "yes"),
    ]);
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn all_faults_come_at_once_and_say_what_to_write() {
    let text = faults(&[
        ("LOCKDOWN_HTTP_ADDR", "localhost"),
        ("LOCKDOWN_ADMIN_TOKEN", "short"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("TELEGRAM_TOKEN", "hunter2"),
        ("LOCKDOWN_LOG_FORMAT", "xml"),
        ("RUST_LOG", "info,bus=verbose"),
    ]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "LOCKDOWN_HTTP_ADDR: found \"localhost\", expected an address and port such as 127.0.0.1:8080 \
             (write localhost as 127.0.0.1)",
            "LOCKDOWN_ADMIN_TOKEN: found a hidden value of 5 characters, expected at least 16 characters without blanks, \
             such as the output of `openssl rand -hex 32` (it is too short to be safe)",
            "DATABASE_URL: found \"mysql://...\" (the rest is hidden), expected a postgres:// or postgresql:// URL such as \
             postgres://user:password@localhost:5432/lockdown",
            "TELEGRAM_TOKEN: found a hidden value of 7 characters, expected digits, a colon and text, as @BotFather gives \
             it: 123456789:AAH... (there is no colon in it)",
            "RUST_LOG: found \"info,bus=verbose\", expected levels such as info, or info,lockdown_bus=debug (levels are \
             error, warn, info, debug, trace and off)",
            "LOCKDOWN_LOG_FORMAT: found \"xml\", expected text or json",
        ]
    );
}

#[test]
fn each_kind_refuses_what_it_cannot_use() {
    for (name, value) in [
        ("LOCKDOWN_HTTP_ADDR", "8080"),
        ("LOCKDOWN_HTTP_ADDR", "127.0.0.1:99999"),
        ("LOCKDOWN_HTTP_ADDR", "http://127.0.0.1:80"),
        ("LOCKDOWN_PUBLIC_URL", "mod.example.org"),
        ("LOCKDOWN_PUBLIC_URL", "ftp://mod.example.org"),
        ("LOCKDOWN_ADMIN_TOKEN", "fifteen-letters"),
        ("LOCKDOWN_ADMIN_TOKEN", "with blanks between the words"),
        ("LOCKDOWN_AUDIT_KEY", "0f1e"),
        (
            "LOCKDOWN_AUDIT_KEY",
            "g000000000000000000000000000000000000000000000000000000000000000",
        ),
        ("DATABASE_URL", "sqlite://x.db"),
        ("DATABASE_URL", "postgres://u:p@h:port/db"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "unix://"),
        ("DISCORD_TOKEN", "Bot abc"),
        ("DISCORD_API_URL", "https://"),
        ("TELEGRAM_TOKEN", "abc:def"),
        ("TELEGRAM_TOKEN", "123:"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317"),
    ] {
        let error = Config::from_map([(name, value)]).expect_err(value);
        assert_eq!(error.faults.len(), 1, "{value}: {error}");
        assert_eq!(error.faults[0].variable, name);
        assert!(
            Config::from_map([(name, "  ")]).is_ok(),
            "an empty {name} is not set"
        );
    }
    for (name, value) in [
        (
            "LOCKDOWN_AUDIT_KEY",
            "9f86d081884c7d659a2feaa0c55ad015A3BF4F1B2B0B822CD15D6C15B0F00A08",
        ),
        ("REDIS_URL", "rediss://:p@host:6380/1"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("DATABASE_URL", "postgres:///lockdown?host=/run/postgresql"),
        ("LOCKDOWN_HTTP_ADDR", "[::1]:8080"),
        ("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0"),
    ] {
        assert!(
            Config::from_map([(name, value)]).is_ok(),
            "{name}={value} is fine"
        );
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_a_fault_only_in_our_variables() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(vec![0xff, 0xfe]);
    assert!(Config::from_map([("SOMETHING_ELSE", bytes.clone())]).is_ok());
    let error = Config::from_map([("DISCORD_TOKEN", bytes)]).unwrap_err();
    assert_eq!(error.faults[0].found, "bytes that are not UTF-8");
}

#[test]
fn a_broken_file_is_reported_beside_the_other_faults() {
    let source = Source::new()
        .with_environment([("LOCKDOWN_HTTP_ADDR", "x")])
        .with_dotenv(".env", "A=1\nnot an assignment\n");
    let error = Config::from_source(source).unwrap_err();
    let named: Vec<_> = error.faults.iter().map(|fault| fault.variable.as_str()).collect();
    assert_eq!(named, [".env line 2", "LOCKDOWN_HTTP_ADDR"]);
}

#[test]
fn an_unknown_name_is_a_warning_with_the_name_that_was_meant() {
    let source = Source::new()
        .with_environment([
            ("LOCKDOWN_HTP_ADDR", "127.0.0.1:1"),
            ("LOCKDOWN_COLOUR", "red"),
            ("DISCORD_TOKN", "x"),
        ])
        .with_dotenv(".env", "TELEGRAM_TOKN=1:x\nPOSTGRES_PASSWORD=x\n");
    let loaded = Config::from_source(source).unwrap();
    let lines: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "LOCKDOWN_COLOUR: is not a variable of LOCKDOWN and has no effect",
            "LOCKDOWN_HTP_ADDR: is not a variable of LOCKDOWN; did you mean LOCKDOWN_HTTP_ADDR?",
            "TELEGRAM_TOKN: is not a variable of LOCKDOWN; did you mean TELEGRAM_TOKEN?",
        ]
    );
}

#[test]
fn distance_counts_letters() {
    assert_eq!(edit_distance("kitten", "sitting"), 3);
    assert_eq!(edit_distance("", "abc"), 3);
    assert_eq!(edit_distance("same", "same"), 0);
}

/// Text that cannot be part of anything else we print.
fn secret_text() -> impl Strategy<Value = String> {
    "zQ[0-9]{4}[A-Za-z0-9_-]{12,30}".prop_map(|text| text + "Xq")
}

/// Values that hold the secret in a place where secrets belong, some right, some wrong.
fn holding(secret: &str, form: usize) -> String {
    match form {
        0 => secret.to_owned(),
        1 => format!("postgres://user:{secret}@db:5432/x"),
        2 => format!("postgres://user:{secret}@db:port/x"),
        3 => format!("redis://:{secret}@[bad"),
        4 => format!("redis+unix:///run/redis.sock?pass={secret}"),
        5 => format!("https://user:{secret}@collector:99999999"),
        6 => format!("{secret}://host"),
        7 => format!("user:{secret}@host"),
        8 => format!("mysql://{secret}"),
        9 => format!("12345:{secret}"),
        10 => format!("Bot {secret}"),
        _ => format!("http://user:{secret}@host/path"),
    }
}

const HOLDERS: &[&str] = &[
    "LOCKDOWN_ADMIN_TOKEN",
    "DATABASE_URL",
    "REDIS_URL",
    "DISCORD_TOKEN",
    "TELEGRAM_TOKEN",
    "LOCKDOWN_PUBLIC_URL",
    "DISCORD_API_URL",
    "TELEGRAM_API_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

fn is_http(name: &str) -> bool {
    !matches!(name, "DATABASE_URL" | "REDIS_URL")
}

proptest! {
    /// Whatever is set to whatever: no part of the configuration that can be printed shows it.
    #[test]
    fn no_secret_is_ever_shown(
        secret in secret_text(),
        forms in proptest::collection::vec(0_usize..12, HOLDERS.len()),
        in_file: bool,
        broken_line: bool,
    ) {
        let values: Vec<_> = HOLDERS
            .iter()
            .zip(&forms)
            // The host of an address is no place for a secret, and an address over http shows its host.
            .map(|(name, form)| (*name, holding(&secret, if *form == 8 && is_http(name) { 0 } else { *form })))
            .collect();
        let mut source = Source::new();
        if in_file {
            let mut text: String = values.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
            if broken_line {
                text += &format!("PASSWORD {secret}\n");
            }
            source = source.with_dotenv(".env", &text);
        } else {
            source = source.with_environment(values);
        }
        let shown = match Config::from_source(source) {
            Ok(loaded) => {
                let known = loaded.config.secrets();
                prop_assert!(known.iter().any(|known| known.expose().contains(&secret)));
                let report = serde_json::to_string(loaded.config.report()).unwrap();
                format!("{:?} {:?} {report} {:?}", loaded.config, known, loaded.warnings)
            }
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains(&secret), "{shown}");
    }
}

#[test]
fn a_token_in_the_wrong_variable_is_not_repeated() {
    let token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
    let text = faults(&[("LOCKDOWN_HTTP_ADDR", token)]);
    assert!(!text.contains("ZnCjm1XVW7vRze4b7Cq4se7kKWs"), "{text}");
}
