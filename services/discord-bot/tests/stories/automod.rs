//! The community's rules in Discord's own AutoMod.

use crate::commands::told;
use crate::sizes;
use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    Event, GuildConfig, GuildEvent, GuildId, MessageEvent, Platform, RulesRequest, SettingsRequest,
};
use lockdown_moderation::Settings;
use lockdown_moderation::hands::{PausedRule, RulesTold, SettingsTold};
use lockdown_runtime::Clock;
use lockdown_testkit::fakes::discord::Fault;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

sizes!(
    automod_follows_the_rules_and_leaves_those_of_people_alone,
    two_processes_make_no_doubles,
    a_process_that_stops_half_way_holds_up_nobody,
    what_automod_does_not_take_is_said,
    what_automod_stops_is_in_the_log_together,
);

const MANAGE_GUILD: u64 = 1 << 5;

/// What the backend tells, for as long as it is kept.
struct Told {
    rules: Arc<Mutex<RulesTold>>,
    settings: Arc<Mutex<Settings>>,
    _answering: [Answering; 2],
}

async fn tell(town: &Town) -> Told {
    let (rules, settings) = (
        Arc::<Mutex<RulesTold>>::default(),
        Arc::<Mutex<Settings>>::default(),
    );
    settings.lock().unwrap().discord.auto_mod = true;
    let (known, chosen) = (Arc::clone(&rules), Arc::clone(&settings));
    let requests = town.bus.requests();
    let of_rules = requests.answer("rules", move |_: Asked<RulesRequest>| {
        let told = known.lock().unwrap().clone();
        async move { Ok(told) }
    });
    let of_settings = requests.answer("settings", move |_: Asked<SettingsRequest>| {
        let settings = chosen.lock().unwrap().clone();
        async move {
            Ok(SettingsTold {
                version: 1,
                settings,
                mode: None,
            })
        }
    });
    let answering = [of_rules.await.unwrap(), of_settings.await.unwrap()];
    Told {
        rules,
        settings,
        _answering: answering,
    }
}

// === impl Told ===

impl Told {
    /// Puts rules in force, each of which looks for its own name.
    async fn put(&self, town: &Town, rules: &[&str]) {
        let mut text = "version: 1\nrules:\n".to_owned();
        for rule in rules {
            text += &format!(
                "  - id: {rule}\n    events: [message, edit]\n    when: [text.has_any({rule}_list)]\n    then: [delete]\n    \
                 exempt: {{roles: [{rule}_role]}}\n"
            );
        }
        text += "lists:\n";
        for rule in rules {
            text += &format!("  {rule}_list: {{words: [{rule} nitro]}}\n");
        }
        self.rules.lock().unwrap().text = text;
        changed(town).await;
    }
}

async fn changed(town: &Town) {
    let event = GuildEvent::Config(GuildConfig {
        platform: Platform::Discord,
        guild_id: GuildId::new(&town.guild.to_string()).unwrap(),
        version: 2,
        rule_set_hash: None,
        changed: vec!["rules".to_owned()],
    });
    town.bus.publish(&Event::Guild(event)).await.unwrap();
}

fn words(rule: &Value) -> Vec<String> {
    let words = rule["trigger_metadata"]["keyword_filter"]
        .as_array()
        .into_iter()
        .flatten();
    words.map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The words of the rules that the bot made, in their order.
fn made(town: &Town) -> Vec<Vec<String>> {
    let own = town.bot.to_string();
    let rules = town.discord.automod_rules(town.guild);
    rules
        .iter()
        .filter(|rule| rule["creator_id"] == own.as_str())
        .map(words)
        .collect()
}

async fn until_made(town: &Town, expected: &[&[&str]]) {
    until(&format!("{expected:?}"), || async { made(town) == expected }).await;
}

async fn automod_follows_the_rules_and_leaves_those_of_people_alone(town: Town) {
    let told = tell(&town).await;
    let theirs = town
        .discord
        .automod_rule_by(town.owner, town.guild, "LOCKDOWN words 1", &["mine"]);
    town.start().await;
    told.put(&town, &["free"]).await;
    until_made(&town, &[&["free nitro"]]).await;
    // What it stops is told with the rule that it was made of; what somebody's own stops is theirs.
    town.discord.say(town.ana, town.channel, "get your Free Nitro");
    town.discord.say(town.ana, town.channel, "mine!");
    let heard = town.heard("message:flagged", 2).await;
    let flagged = |event: &Event| match event {
        Event::Message(MessageEvent::Flagged(flagged)) => flagged.rules.clone(),
        other => panic!("{other:?}"),
    };
    let mut rules: Vec<_> = heard.iter().map(flagged).collect();
    rules.sort();
    assert_eq!(rules, [vec![], vec!["free".to_owned()]]);
    assert!(town.discord.messages(town.channel).is_empty());
    // It changes with the rules, with the roles that they name, and when somebody takes it away.
    told.put(&town, &["free", "gift"]).await;
    until_made(&town, &[&["free nitro", "gift nitro"]]).await;
    let role = town.discord.role(town.guild, "gift_role", 3, 0);
    until_made(&town, &[&["free nitro"], &["gift nitro"]]).await;
    let ours = || {
        town.discord
            .automod_rules(town.guild)
            .into_iter()
            .filter(|rule| rule["creator_id"].as_str() == Some(&*town.bot.to_string()))
    };
    assert_eq!(
        ours().next_back().unwrap()["exempt_roles"],
        json!([role.to_string()])
    );
    let first: u64 = ours().next().unwrap()["id"].as_str().unwrap().parse().unwrap();
    town.discord.remove_automod_rule(town.guild, first);
    until_made(&town, &[&["gift nitro"], &["free nitro"]]).await;
    // A rule that pauses stops nothing.
    told.rules.lock().unwrap().paused = vec![PausedRule {
        rule: "gift".to_owned(),
        until: Clock::system().now() + chrono::TimeDelta::hours(1),
    }];
    changed(&town).await;
    until_made(&town, &[&["free nitro"]]).await;
    told.settings.lock().unwrap().discord.auto_mod = false;
    changed(&town).await;
    until_made(&town, &[]).await;
    let left = town.discord.automod_rules(town.guild);
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(theirs.to_string())));
    assert_eq!(words(&left[0]), ["mine"]);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn two_processes_make_no_doubles(mut town: Town) {
    let told = tell(&town).await;
    told.put(&town, &["free", "gift"]).await;
    town.start().await;
    until_made(&town, &[&["free nitro", "gift nitro"]]).await;
    town.stop().await;
    // The next one knows those of the one before, and takes doubles away, whoever made them.
    let double = town.discord.automod_rule_by(
        town.bot,
        town.guild,
        "LOCKDOWN words 1",
        &["free nitro", "gift nitro"],
    );
    town.reopen().await;
    let told = tell(&town).await;
    told.put(&town, &["free", "gift"]).await;
    town.start().await;
    until_made(&town, &[&["free nitro", "gift nitro"]]).await;
    let rules = town.discord.automod_rules(town.guild);
    assert!(
        rules
            .iter()
            .all(|rule| rule["id"].as_str() != Some(&*double.to_string()))
    );
    assert_eq!(
        town.discord
            .requests_to("POST guilds/{}/auto-moderation/rules")
            .len(),
        1
    );
    assert_eq!(
        town.discord
            .requests_to("PATCH guilds/{}/auto-moderation/rules/{}")
            .len(),
        0
    );
    town.stop().await;
}

async fn a_process_that_stops_half_way_holds_up_nobody(mut town: Town) {
    let told = tell(&town).await;
    town.discord.fail(
        "POST",
        "guilds/{}/auto-moderation/rules",
        1,
        Fault::Delay(Duration::from_secs(3_600)),
    );
    town.start().await;
    told.put(&town, &["free"]).await;
    until("it is at it", || async {
        !town
            .discord
            .requests_to("POST guilds/{}/auto-moderation/rules")
            .is_empty()
    })
    .await;
    town.stop().await;
    town.reopen().await;
    let told = tell(&town).await;
    told.put(&town, &["free", "gift"]).await;
    town.start().await;
    until_made(&town, &[&["free nitro", "gift nitro"]]).await;
    // The first was made, without an answer, and is found.
    let names = town.discord.automod_rules(town.guild);
    assert_eq!(names.len(), 1, "{names:?}");
    town.stop().await;
}

async fn what_automod_does_not_take_is_said(town: Town) {
    let told_rules = tell(&town).await;
    for number in 0..6 {
        town.discord
            .automod_rule_by(town.owner, town.guild, &format!("mine {number}"), &["mine"]);
    }
    // Another guild, in which the bot may not manage AutoMod.
    let other = town.discord.guild("Village", town.owner);
    town.discord.invite_with(
        other,
        town.bot,
        lockdown_testkit::fakes::discord::permissions::BOT & !MANAGE_GUILD,
        5,
    );
    town.start().await;
    told_rules.put(&town, &["free"]).await;
    let expected = "• The rule free is not in Discord's AutoMod: the other rules there take all places";
    let said = async {
        loop {
            let said = told(&town, "doctor", json!([])).await;
            if said.contains(expected) {
                return;
            }
        }
    };
    tokio::time::timeout(crate::town::LIMIT, said).await.unwrap();
    assert_eq!(made(&town), Vec::<Vec<String>>::new());
    let asked = town.discord.requests_to("GET guilds/{}/auto-moderation/rules");
    assert!(
        asked
            .iter()
            .all(|request| !request.path.contains(&other.to_string()))
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_make_no_doubles() {
    let town = Town::fleet().await;
    let told = tell(&town).await;
    told.put(&town, &["free"]).await;
    let (ctx, bus) = town.another(&[]).await;
    town.start_bot().await;
    lockdown_discord_bot::run(ctx.clone(), bus).await.unwrap();
    until("both processes", || async { town.discord.connected() == 2 }).await;
    until_made(&town, &[&["free nitro"]]).await;
    told.put(&town, &["free", "gift"]).await;
    until_made(&town, &[&["free nitro", "gift nitro"]]).await;
    let posts = town.discord.requests_to("POST guilds/{}/auto-moderation/rules");
    assert_eq!(posts.len(), 1);
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    town.stop().await;
}

async fn what_automod_stops_is_in_the_log_together(town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    town.discord
        .automod_rule_by(town.owner, town.guild, "no *scams*", &["*scam*"]);
    town.start().await;
    let said = "@everyone\n**scam** [here](https://bad.test) discord.gg/bad";
    for number in 0..60 {
        town.discord.say(
            town.ana,
            town.channel,
            &format!("{number} {said} {}", "x".repeat(500)),
        );
    }
    town.heard("message:flagged", 60).await;
    let board = "discord/stopped";
    until("all are told", || async {
        let told: u64 = town.discord.messages(log).iter().map(count).sum();
        told == 60 && town.bus.engine().posted(board, 9).await.unwrap().is_empty()
    })
    .await;
    let messages = town.discord.messages(log);
    assert!(messages.len() < 30, "{}", messages.len());
    let first = &messages[0];
    let text = first["embeds"][0]["description"].as_str().unwrap();
    let line = format!(
        "<@{}> in <#{}>, no \\*scams\\*: 0 \\@everyone \\*\\*scam\\*\\* \\[here\\]\\(https:\u{200b}//bad.test\\) \
         discord.gg/\u{200b}bad xxx",
        town.ana, town.channel
    );
    assert!(text.starts_with(&line), "{text}");
    assert!(
        messages
            .iter()
            .all(|one| one["allowed_mentions"] == json!({ "parse": [] }))
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

/// How many messages it tells of.
fn count(message: &Value) -> u64 {
    let title = message["embeds"][0]["title"].as_str().unwrap_or_default();
    let number = title.split(' ').find_map(|word| word.parse().ok());
    number.unwrap_or(0)
}
