//! A process that is killed between what it did on Discord and its word about it.

use crate::town::{PATIENCE, Size, TOKEN, text, until, who};
use lockdown_testkit::fakes::discord::{FakeDiscord, Fault};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than any process of this story lives: the answer never comes.
const NEVER: Duration = Duration::from_secs(600);
const KICKED: u64 = 20;
const BANNED: u64 = 22;

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

#[tokio::test(flavor = "multi_thread")]
async fn embedded_a_ban_of_many_goes_on_where_it_was() {
    a_ban_of_many_goes_on_where_it_was(Size::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_ban_of_many_goes_on_where_it_was() {
    a_ban_of_many_goes_on_where_it_was(Size::fleet().await).await;
}

async fn a_ban_of_many_goes_on_where_it_was(size: Size) {
    let scene = Scene::new(size).await;
    let (discord, guild) = (&scene.discord, scene.guild);
    let log = discord.channel(guild, "mod-logs");
    let people: Vec<u64> = (0..30).map(|n| discord.person(&format!("R{n}"))).collect();
    let ids: Vec<String> = people.iter().map(u64::to_string).collect();
    let banned = || {
        let banned = people.iter().filter(|person| discord.is_banned(guild, **person));
        banned.count()
    };
    let process = scene.start().await;
    discord.fail(
        "PUT",
        "guilds/{}/bans/{}",
        1,
        Fault::Delay(Duration::from_secs(1)),
    );
    discord.fail("POST", "bulk-ban", 1, Fault::Delay(NEVER));
    scene.send(
        "massban",
        &json!([text("ids", &ids.join(" ")), text("reason", "raid")]),
    );
    let shown = |part: &str| {
        let told = discord.messages(log);
        told.first().is_some_and(|told| told.to_string().contains(part))
    };
    until("all are decided, and many are banned", || async {
        banned() > 1 && shown("Ban of 30 people")
    })
    .await;
    drop(process);
    until("the connection is gone", || async { discord.connected() == 0 }).await;
    let done: Vec<u64> = people
        .iter()
        .copied()
        .filter(|person| discord.is_banned(guild, *person))
        .collect();
    let alone = discord.requests_to("PUT guilds/{}/bans/{}").len();
    let process = scene.start().await;
    until("all are banned, and the log tells so", || async {
        banned() == 30 && shown("**30: until somebody ends it**")
    })
    .await;
    assert_eq!(discord.messages(log).len(), 1);
    let audit = discord.audit(guild);
    let bans = audit.iter().filter(|entry| entry["action_type"] == BANNED);
    assert_eq!(bans.count(), 30);
    // Whom the audit log names is not asked for again.
    let again = discord.requests_to("PUT guilds/{}/bans/{}").split_off(alone);
    let of_them = |path: &str| done.iter().any(|person| path.ends_with(&person.to_string()));
    assert!(!again.iter().any(|request| of_them(&request.path)), "{again:?}");
    let last = json!([{ "name": "number", "type": 4, "value": "30" }]);
    scene
        .until_told("case view", &last, "until somebody ends it")
        .await;
    drop(process);
    drop(scene.size.around);
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
