//! A server in a container, for machines that have a Docker engine and nothing else.

use super::choice::Server;
use super::install::finish;
use crate::server::interrupt::Interrupt;
use crate::server::{process, wire};
use anyhow::{Context as _, ensure};
use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Dropping it stops the container, which then removes itself.
#[derive(Debug)]
pub(crate) struct Container {
    id: String,
    pub(crate) url: String,
}

// === impl Container ===

impl Container {
    pub(crate) fn start(server: Server, interrupt: &Interrupt) -> anyhow::Result<Container> {
        let password = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let (image, port) = match server {
            Server::Redis => ("redis:7-alpine", "6379"),
            Server::Postgres => ("postgres:17-alpine", "5432"),
        };
        eprintln!("+ docker pull {image}");
        let mut pull = Command::new("docker");
        pull.args(["pull", image]);
        finish(pull, interrupt)?;

        let publish = format!("127.0.0.1::{port}");
        let mut arguments = vec!["run", "--rm", "--detach", "--publish", &publish];
        let secret = format!("POSTGRES_PASSWORD={password}");
        match server {
            Server::Redis => arguments.extend([image, "redis-server", "--appendonly", "no", "--save", ""]),
            Server::Postgres => {
                arguments.extend([
                    "--env",
                    &secret,
                    "--env",
                    "POSTGRES_INITDB_ARGS=--locale=C --encoding=UTF8",
                ]);
                arguments.extend([image, "postgres", "-c", "fsync=off", "-c", "full_page_writes=off"]);
                arguments.extend(["-c", "max_connections=400", "-c", "jit=off"]);
            }
        }
        eprintln!("+ docker run --rm --detach --publish {publish} {image} …");
        let id = docker(&arguments)?;
        // From here on, dropping it stops the container.
        let mut container = Container {
            id,
            url: String::new(),
        };
        let published = docker(&["port", &container.id, port])?;
        let place = published.lines().next().context("docker published no port")?;
        container.url = match server {
            Server::Redis => format!("redis://{place}"),
            Server::Postgres => format!("postgres://postgres:{password}@{place}/postgres"),
        };
        let (_, port) = place.rsplit_once(':').context("docker published no port")?;
        let port = port.parse().context("docker published no port")?;
        // The image's Postgres makes its cluster with a server that does not listen here, so an answer is the real one.
        interrupt.wait_for(&format!("the start of {image}"), LIMIT, || {
            let ready = match server {
                Server::Redis => wire::check_redis(&container.url).is_ok(),
                Server::Postgres => wire::postgres_takes_sessions(port).unwrap_or(false),
            };
            Ok(ready.then_some(()))
        })?;
        Ok(container)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Err(error) = docker(&["rm", "--force", &self.id]) {
            eprintln!("could not stop container {}: {error:#}", self.id);
        }
    }
}

fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments);
    let output = process::output_within(command, LIMIT).with_context(|| {
        format!(
            "`docker {}` failed",
            arguments.first().copied().unwrap_or_default()
        )
    })?;
    let output = output.trim();
    ensure!(!output.is_empty(), "docker printed nothing");
    Ok(output.to_owned())
}
