//! What was said and done while the bot was not there.

use crate::judge::judge;
use crate::sizes;
use crate::town::{Town, until};
use lockdown_events::VerdictMode;
use serde_json::json;

sizes!(
    what_was_said_while_nobody_was_there_is_heard_once,
    what_is_bad_is_gone_after_an_outage,
);

async fn what_was_said_while_nobody_was_there_is_heard_once(mut town: Town) {
    let quiet = town.discord.channel(town.guild, "quiet");
    town.discord.say(town.ana, quiet, "long before the bot came");
    town.start().await;
    let first = town.discord.say(town.ana, town.channel, "before");
    town.messages(1).await;
    town.stop().await;

    let mut said = vec![first];
    for n in 0..230 {
        said.push(
            town.discord
                .say(town.ana, town.channel, &format!("meanwhile {n}")),
        );
    }
    let fresh = town.discord.channel(town.guild, "fresh");
    said.push(
        town.discord
            .say(town.ana, fresh, "in a channel that was not there before"),
    );
    town.discord.say(town.bot, town.channel, "ours");
    said.push(
        town.discord
            .say(town.ana, quiet, "in a channel of which nothing was heard"),
    );
    for n in 0..120 {
        let person = town.discord.person(&format!("P{n}"));
        town.discord.ban_by(town.owner, town.guild, person, Some("raid"));
    }
    town.reopen().await;
    town.start().await;
    said.push(town.discord.say(town.ana, town.channel, "after"));
    let heard = town.messages(said.len()).await;
    let mut ids: Vec<u64> = heard
        .iter()
        .map(|message| message.message_id.as_str().parse().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, said);
    // What is read again is known as well as what is heard.
    assert!(heard.iter().all(|message| message.author.joined_at.is_some()));
    assert_eq!(town.observed(120).await[119].reason.as_deref(), Some("raid"));

    // Nothing was said since: a third beginning says nothing either.
    town.stop().await;
    town.reopen().await;
    town.start().await;
    let last = town.discord.say(town.ana, town.channel, "and again");
    let heard = town.messages(said.len() + 1).await;
    assert_eq!(heard.last().unwrap().message_id.as_str(), last.to_string());
    town.observed(120).await;
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn what_is_bad_is_gone_after_an_outage(town: Town) {
    judge(&town.bus, VerdictMode::Live).await;
    town.start().await;
    town.discord.refuse_gateway(true);
    town.discord.forget_sessions();
    town.discord.drop_gateway();
    until("the end", || async { town.discord.connected() == 0 }).await;
    let said: Vec<(u64, bool)> = (0..50)
        .map(|n| {
            let bad = n % 10 == 3;
            let text = if bad { "bad" } else { "good" };
            (town.discord.say(town.ana, town.channel, text), bad)
        })
        .collect();
    // One such author would hide the whole guild from a strict reader.
    town.discord.describe(
        town.ana,
        json!({ "avatar_decoration_data": { "asset": "v2_a0b1", "sku_id": null } }),
    );
    town.discord.refuse_gateway(false);
    until("the removal", || async {
        let gone = |(id, bad): &(u64, bool)| !bad || !town.discord.has_message(town.channel, *id);
        town.discord.connected() == 1 && said.iter().all(gone)
    })
    .await;
    assert!(
        said.iter()
            .all(|(id, bad)| *bad || town.discord.has_message(town.channel, *id))
    );
    town.messages(50).await;
    town.heard("moderation:automod", 5).await;
    town.stop().await;
}
