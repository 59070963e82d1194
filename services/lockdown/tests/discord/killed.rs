//! A process that is killed between what it did on Discord and its word about it.

use crate::town::{PATIENCE, Size, TOKEN, text, until, who};
use lockdown_testkit::fakes::discord::{FakeDiscord, Fault};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than any process of this story lives: the answer never comes.
const NEVER: Duration = Duration::from_secs(600);
const KICKED: u64 = 20;

/// Everything in a process of its own.
struct Process(Child);

struct Scene {
    discord: FakeDiscord,
    bot: u64,
    owner: u64,
    mallory: u64,
    guild: u64,
    channel: u64,
    size: Size,
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_what_a_dead_process_did_is_not_done_twice() {
    what_a_dead_process_did_is_not_done_twice(Size::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_what_a_dead_process_did_is_not_done_twice() {
    what_a_dead_process_did_is_not_done_twice(Size::fleet().await).await;
}

async fn what_a_dead_process_did_is_not_done_twice(size: Size) {
    let scene = Scene::new(size).await;
    let (discord, guild, mallory) = (&scene.discord, scene.guild, scene.mallory);
    let process = scene.start().await;
    discord.fail("DELETE", "guilds/{}/members/{}", 1, Fault::Delay(NEVER));
    scene.send("kick", &json!([who(mallory), text("reason", "spam")]));
    until("Mallory is gone", || async { !discord.is_member(guild, mallory) }).await;
    drop(process);
    until("the connection is gone", || async { discord.connected() == 0 }).await;
    // Whoever was kicked may come back, and is not kicked again for the same.
    discord.join(guild, mallory);
    let process = scene.start().await;
    let case = json!([{ "name": "number", "type": 4, "value": "1" }]);
    scene.until_told("case view", &case, "**State**: done").await;
    assert!(discord.is_member(guild, mallory));
    let audit = discord.audit(guild);
    let kicks = audit.iter().filter(|entry| entry["action_type"] == KICKED);
    assert_eq!(kicks.count(), 1);
    assert_eq!(discord.direct_messages(mallory).len(), 1);
    let said = scene.until_told("case list", &json!([]), "**#1**").await;
    assert!(!said.contains("**#2**"), "one case and no more: {said}");
    drop(process);
    drop(scene.size.around);
}

// === impl Scene ===

impl Scene {
    async fn new(size: Size) -> Self {
        let discord = FakeDiscord::start().await.unwrap();
        let bot = discord.add_bot(TOKEN, "lockdown");
        let (owner, mallory) = (discord.person("Olga"), discord.person("Mallory"));
        let guild = discord.guild("Town", owner);
        let channel = discord.channel(guild, "general");
        discord.invite(guild, bot);
        discord.join(guild, mallory);
        Self {
            discord,
            bot,
            owner,
            mallory,
            guild,
            channel,
            size,
        }
    }

    /// A process that answers.
    async fn start(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockdown"));
        command
            .env_clear()
            .envs(self.size.settings.iter().map(|(name, value)| (name, value)))
            .env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")
            .env("DISCORD_TOKEN", TOKEN)
            .env("DISCORD_API_URL", self.discord.url())
            .env("RUST_LOG", "error")
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .stdout(Stdio::null());
        let process = Process(command.spawn().unwrap());
        until("a session", || async { self.discord.connected() == 1 }).await;
        self.until_told("config show", &json!([]), "**Language**").await;
        process
    }

    fn send(&self, name: &str, options: &Value) -> String {
        self.discord
            .command(self.bot, self.owner, self.channel, name, options)
    }

    /// Asks until the answer has this; the answer.
    async fn until_told(&self, name: &str, options: &Value, part: &str) -> String {
        let asking = async {
            loop {
                let token = self.send(name, options);
                // What is sent while nobody is there is answered by nobody.
                for _ in 0..200 {
                    let replies = self.discord.replies(&token);
                    let said = replies.iter().filter_map(|reply| reply["content"].as_str());
                    let said: Vec<&str> = said.collect();
                    if said.iter().any(|said| said.contains(part)) {
                        return said.join("\n");
                    }
                    if !said.is_empty() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let said = tokio::time::timeout(PATIENCE, asking).await;
        said.unwrap_or_else(|_| panic!("`{name}` never tells `{part}`"))
    }
}

impl Drop for Process {
    /// As `kill -9` does.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
