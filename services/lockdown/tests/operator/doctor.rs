//! `lockdown doctor`.

use super::installation::{Installation, Ran};
use lockdown_testkit::fakes::discord::FakeDiscord;

const TOKEN: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";

pub(crate) async fn what_is_lacking_is_said(installation: Installation) {
    let well = installation.lockdown(&["doctor", "--json"]);
    assert_eq!(well.code, 0, "{well:?}");
    assert_eq!(well.json()["parts"].as_array().unwrap().len(), 2);

    let discord = FakeDiscord::start().await.unwrap();
    let bot = discord.add_bot(TOKEN, "lockdown");
    let owner = discord.person("Owner");
    let guild = discord.guild("Village", owner);
    discord.channel(guild, "general");
    discord.invite_with(guild, bot, 0, 1);
    discord.grant_intents(bot, 0);
    let mut command = installation.command(&["doctor"]);
    command
        .env("DISCORD_TOKEN", TOKEN)
        .env("DISCORD_API_URL", discord.url());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let ran = Ran::of(&output);
    assert_eq!(ran.code, 1, "{ran:?}");
    for part in [
        "look  Discord: the application\n      - Switch on the Server Members Intent",
        "look  Discord: Village (",
        "- Give the bot's role the permission Ban Members: without it, nobody is banned or unbanned",
        "make one called mod-logs",
        "well  the bus: ",
        "well  the store: ",
    ] {
        assert!(ran.said.contains(part), "{part}: {ran:?}");
    }
    assert!(ran.complained.contains("things to do"), "{ran:?}");
    assert!(!ran.said.contains(TOKEN) && !ran.complained.contains(TOKEN));
}
