//! What other programs do with the same events on the same server: each a process that publishes, handles and acknowledges
//! them, and says `begun` and `done`.

use crate::FULL;
use crate::events::Events;
use crate::load::Load;
use crate::process::cpu_seconds;
use crate::server::Server;
use crate::tell;
use anyhow::{Context as _, bail, ensure};
use lockdown_runtime::Clock;
use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// A program with its first words; the server's address, the number of events and an event follow.
pub(crate) struct Peer {
    name: String,
    words: Vec<String>,
}

/// Rates and processor time as [`Load`] has them.
struct Measured {
    rate: f64,
    cpu_us: f64,
}

/// Ours and each peer in turn, so often. A peer is slower and gets a quarter as many events.
pub(crate) async fn run(rounds: usize, peers: &[Peer]) -> anyhow::Result<()> {
    let server = Server::start()?;
    let events = Arc::new(Events::new(Clock::system())?);
    Load::durable(&server, &events, FULL.load / 4).await?;
    for number in 1..=rounds {
        let ours = Load::durable(&server, &events, FULL.load).await?;
        tell("durable_eps", ours.rate);
        tell("cpu_us", ours.client_us + ours.server_us);
        for peer in peers {
            let theirs = peer.measure(&server, &events, FULL.load / 4)?;
            tell(&format!("{}_eps", peer.name), theirs.rate);
            tell(&format!("{}_cpu_us", peer.name), theirs.cpu_us);
            tell(&format!("vs_{}_ratio", peer.name), ours.rate / theirs.rate);
        }
        eprintln!("bench: round {number} of {rounds} beside the peers is done");
    }
    Ok(())
}

// === impl Peer ===

impl Peer {
    /// From a name, a `=`, and the words with line breaks between.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, words) = text
            .split_once('=')
            .context("a peer is a name, a `=` and a command")?;
        Ok(Self {
            name: name.to_owned(),
            words: words.split('\n').map(str::to_owned).collect(),
        })
    }

    fn measure(&self, server: &Server, events: &Events, count: usize) -> anyhow::Result<Measured> {
        let [program, words @ ..] = self.words.as_slice() else {
            bail!("{} has no program", self.name);
        };
        let mut child = Command::new(program)
            .args(words)
            .args([server.url(), count.to_string(), events.make(0)?.0.encode()])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {program}"))?;
        let said = BufReader::new(child.stdout.take().context("it has an output")?);
        let measured = self.watch(server, child.id(), said.lines(), count);
        // It has nothing to do any more, or does not do it.
        child.kill().ok();
        child.wait().context("could not wait for a peer")?;
        server.clean()?;
        measured
    }

    fn watch(
        &self,
        server: &Server,
        child: u32,
        mut said: Lines<BufReader<ChildStdout>>,
        count: usize,
    ) -> anyhow::Result<Measured> {
        let mut hears = |word: &str| {
            let line = said.next().transpose()?.unwrap_or_default();
            ensure!(
                line == word,
                "{} said `{line}` where `{word}` was expected",
                self.name
            );
            anyhow::Ok(())
        };
        let cpu = || anyhow::Ok(cpu_seconds(child)? + cpu_seconds(server.id()?)?);
        hears("begun")?;
        let (begun, before) = (Instant::now(), cpu()?);
        hears("done")?;
        let (took, used) = (begun.elapsed().as_secs_f64(), cpu()? - before);
        Ok(Measured {
            rate: count as f64 / took,
            cpu_us: used * 1e6 / count as f64,
        })
    }
}
