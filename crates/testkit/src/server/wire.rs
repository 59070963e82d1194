//! As much of the Redis and Postgres protocols as it takes to see whether a server is there.

use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Generous: a server on a busy machine is slow, one that is absent refuses at once.
const LIMIT: Duration = Duration::from_secs(10);
/// For a question that is asked again: who is silent on our port may be somebody else.
const GLIMPSE: Duration = Duration::from_millis(500);

/// A server's place, as far as a URL tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub place: Place,
    /// Encrypted from the first byte (`rediss://`).
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Tcp { host: String, port: u16 },
    Socket(PathBuf),
}

// === impl Address ===

impl Address {
    /// `redis://`, `rediss://`, `valkey://`, `unix://` and `redis+unix://` with a path.
    pub fn redis(url: &str) -> anyhow::Result<Address> {
        let (scheme, rest) = url
            .split_once("://")
            .context("no scheme: expected redis://HOST:PORT")?;
        let socket = match scheme {
            "redis" | "rediss" | "valkey" | "valkeys" => false,
            "unix" | "redis+unix" | "valkey+unix" => true,
            other => bail!("the scheme {other}:// is none of Redis: expected redis://HOST:PORT"),
        };
        let (authority, path, _query) = split(rest);
        let (user, password, host) = credentials(authority)?;
        let place = if socket {
            ensure!(!path.is_empty(), "no path: expected {scheme}:///path/to/socket");
            Place::Socket(decode(path)?.into())
        } else {
            tcp(host, 6379)?
        };
        Ok(Address {
            place,
            tls: matches!(scheme, "rediss" | "valkeys"),
            user,
            password,
        })
    }

    /// `postgres://` and `postgresql://`; a socket's folder as the host (percent-encoded) or as `?host=`.
    pub fn postgres(url: &str) -> anyhow::Result<Address> {
        let (scheme, rest) = url
            .split_once("://")
            .context("no scheme: expected postgres://USER@HOST:PORT/DATABASE")?;
        ensure!(
            matches!(scheme, "postgres" | "postgresql"),
            "the scheme {scheme}:// is not Postgres's: expected postgres://USER@HOST:PORT/DATABASE"
        );
        let (authority, _database, query) = split(rest);
        let (user, password, mut host) = credentials(authority)?;
        let parameter = |name| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let port = parameter("port")
            .map(|port| port.parse().context("the port is no number"))
            .transpose()?;
        if let Some(other) = parameter("host") {
            host = other;
        }
        let place = match tcp(host, port.unwrap_or(5432))? {
            Place::Tcp { host, port } if host.starts_with('/') => {
                Place::Socket(Path::new(&host).join(format!(".s.PGSQL.{port}")))
            }
            place => place,
        };
        Ok(Address {
            place,
            tls: false,
            user,
            password,
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Authority, path and query of what follows `://`.
fn split(rest: &str) -> (&str, &str, &str) {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    match rest.find('/') {
        Some(slash) => (&rest[..slash], &rest[slash..], query),
        None => (rest, "", query),
    }
}

fn credentials(authority: &str) -> anyhow::Result<(Option<String>, Option<String>, &str)> {
    let Some((credentials, host)) = authority.rsplit_once('@') else {
        return Ok((None, None, authority));
    };
    let (user, password) = credentials
        .split_once(':')
        .map_or((credentials, None), |(u, p)| (u, Some(p)));
    let user = Some(decode(user)?).filter(|user| !user.is_empty());
    Ok((user, password.map(decode).transpose()?, host))
}

fn tcp(host: &str, default_port: u16) -> anyhow::Result<Place> {
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or_default()),
        None => host.rsplit_once(':').unwrap_or((host, "")),
    };
    let port = if port.is_empty() {
        default_port
    } else {
        port.parse().context("the port is no number")?
    };
    let host = if host.is_empty() {
        "localhost".to_owned()
    } else {
        decode(host)?
    };
    Ok(Place::Tcp { host, port })
}

fn decode(text: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.with_context(|| format!("`{text}` has a % without two digits"))?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).context("a percent-encoded part is not UTF-8")
}

// === Redis ===

/// Fails unless a Redis answers PING. Over TLS only the connection is tried.
pub fn check_redis(url: &str) -> anyhow::Result<()> {
    let address = Address::redis(url)?;
    let mut connection = connect(&address.place, LIMIT)?;
    if address.tls {
        return Ok(());
    }
    if let Some(password) = &address.password {
        let mut auth = vec!["AUTH"];
        auth.extend(address.user.as_deref());
        auth.push(password);
        ask_redis(&mut connection, &auth).context("the password was refused")?;
    }
    let answer = ask_redis(&mut connection, &["PING"])?;
    ensure!(
        answer == "PONG",
        "{} answered PING with {answer:?}",
        address.place
    );
    Ok(())
}

/// One command over a connection of its own. An error of Redis is an error here, nil is empty.
pub fn redis(port: u16, command: &[&str]) -> anyhow::Result<String> {
    ask_redis(&mut connect(&loopback(port), LIMIT)?, command)
}

/// Whether this process, and not another one that got the port first, has read its data and answers.
pub(crate) fn redis_is_ready(port: u16, process: u32) -> bool {
    let ask = |command: &[&str]| ask_redis(&mut connect(&loopback(port), GLIMPSE)?, command);
    let process = process.to_string();
    let ours = |info: String| {
        info.lines()
            .any(|line| line.strip_prefix("process_id:") == Some(process.as_str()))
    };
    ask(&["INFO", "server"]).is_ok_and(ours) && ask(&["PING"]).is_ok()
}

pub(crate) fn redis_over_socket(socket: &Path, command: &[&str]) -> anyhow::Result<String> {
    ask_redis(&mut connect(&Place::Socket(socket.to_owned()), LIMIT)?, command)
}

fn ask_redis(connection: &mut Connection, command: &[&str]) -> anyhow::Result<String> {
    let mut request = format!("*{}\r\n", command.len());
    for word in command {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    connection
        .write_all(request.as_bytes())
        .context("could not send to Redis")?;
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).context("Redis did not answer")?;
    let line = line
        .strip_suffix("\r\n")
        .context("the connection ended without an answer of Redis")?;
    let (kind, text) = line.split_at_checked(1).context("an empty answer")?;
    match kind {
        "+" | ":" => Ok(text.to_owned()),
        "-" => bail!("Redis answered {text}"),
        "$" => {
            let Ok(length) = usize::try_from(text.parse::<i64>().context("a length that is no number")?)
            else {
                return Ok(String::new());
            };
            let mut body = vec![0; length];
            reader
                .read_exact(&mut body)
                .context("the answer of Redis was cut short")?;
            String::from_utf8(body).context("the answer of Redis is not UTF-8")
        }
        _ => bail!("this is no Redis: it answered {line:?}"),
    }
}

// === Postgres ===

/// Fails unless a Postgres answers the question whether it speaks TLS.
pub fn check_postgres(url: &str) -> anyhow::Result<()> {
    let address = Address::postgres(url)?;
    let mut connection = connect(&address.place, LIMIT)?;
    let mut request = Vec::from(8_u32.to_be_bytes());
    request.extend(80_877_103_u32.to_be_bytes()); // SSLRequest
    connection
        .write_all(&request)
        .context("could not send to Postgres")?;
    let mut answer = [0];
    connection
        .read_exact(&mut answer)
        .context("Postgres did not answer")?;
    ensure!(
        matches!(answer, [b'S' | b'N']),
        "{} is no Postgres: it answered {answer:?}",
        address.place
    );
    Ok(())
}

/// Whether Postgres on this port of 127.0.0.1 lets sessions begin: it asks who we are, or lets us in.
pub(crate) fn postgres_takes_sessions(port: u16) -> anyhow::Result<bool> {
    let mut connection = connect(&loopback(port), GLIMPSE)?;
    let body = b"user\0postgres\0database\0postgres\0\0";
    let mut request = Vec::from(u32::try_from(body.len() + 8)?.to_be_bytes());
    request.extend(196_608_u32.to_be_bytes()); // protocol 3.0
    request.extend(body);
    connection
        .write_all(&request)
        .context("could not send to Postgres")?;
    let mut answer = [0];
    connection
        .read_exact(&mut answer)
        .context("Postgres did not answer")?;
    Ok(answer == [b'R']) // otherwise an error, most likely "the database system is starting up"
}

// === Connections ===

enum Connection {
    Tcp(TcpStream),
    Socket(UnixStream),
}

fn loopback(port: u16) -> Place {
    Place::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
    }
}

/// Whoever is silent for longer than the limit counts as not there.
fn connect(place: &Place, limit: Duration) -> anyhow::Result<Connection> {
    let connection = match place {
        Place::Tcp { host, port } => connect_tcp(host, *port, limit).map(Connection::Tcp),
        Place::Socket(path) => connect_socket(path, limit).map(Connection::Socket),
    };
    connection.with_context(|| format!("could not connect to {place}"))
}

fn connect_tcp(host: &str, port: u16, limit: Duration) -> std::io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let mut outcome = Err(std::io::Error::other("the name has no address"));
    for address in addresses {
        outcome = TcpStream::connect_timeout(&address, limit);
        if outcome.is_ok() {
            break;
        }
    }
    let stream = outcome?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(stream)
}

fn connect_socket(path: &Path, limit: Duration) -> std::io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(stream)
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.read(buffer),
            Connection::Socket(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.write(buffer),
            Connection::Socket(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Connection::Tcp(stream) => stream.flush(),
            Connection::Socket(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_clients_read_them() {
        #[track_caller]
        fn check(address: anyhow::Result<Address>, place: &str, user: Option<&str>, password: Option<&str>) {
            let address = address.unwrap();
            assert_eq!(address.place.to_string(), place);
            assert_eq!(
                (address.user.as_deref(), address.password.as_deref()),
                (user, password)
            );
        }
        check(Address::redis("redis://localhost"), "localhost:6379", None, None);
        check(
            Address::redis("redis://:p%40ss@10.0.0.1:7000/3"),
            "10.0.0.1:7000",
            None,
            Some("p@ss"),
        );
        check(
            Address::redis("redis://u:a@b@host"),
            "host:6379",
            Some("u"),
            Some("a@b"),
        );
        check(Address::redis("rediss://[::1]:1"), "[::1]:1", None, None);
        check(
            Address::redis("unix:///run/redis.sock?db=1"),
            "/run/redis.sock",
            None,
            None,
        );
        check(
            Address::postgres("postgres://me@db/x"),
            "db:5432",
            Some("me"),
            None,
        );
        check(
            Address::postgres("postgresql:///x?host=/run/pg&port=6"),
            "/run/pg/.s.PGSQL.6",
            None,
            None,
        );
        check(
            Address::postgres("postgres://me:pw@%2Frun%2Fpg/x"),
            "/run/pg/.s.PGSQL.5432",
            Some("me"),
            Some("pw"),
        );
        assert!(Address::redis("rediss://host").unwrap().tls);
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong() {
        #[track_caller]
        fn check(address: anyhow::Result<Address>, fault: &str) {
            let message = format!("{:#}", address.unwrap_err());
            assert!(message.contains(fault), "{message}");
        }
        check(Address::redis("localhost:6379"), "no scheme");
        check(Address::redis("http://localhost"), "http://");
        check(Address::redis("redis://localhost:x"), "port");
        check(Address::redis("unix://"), "no path");
        check(Address::postgres("mysql://localhost"), "mysql://");
        check(Address::postgres("postgres://a%2@b"), "%");
    }
}
