//! Many messages removed by what they are.

use crate::commands::{flag, number, place, text, told, told_to, who};
use crate::sizes;
use crate::town::{Town, days, until};
use lockdown_events::{Event, ModerationEvent};
use lockdown_testkit::fakes::discord::permissions::{EVERYBODY, MANAGE_MESSAGES};
use serde_json::json;

sizes!(
    messages_are_removed_by_what_they_are,
    one_person_is_removed_from_every_channel_where_the_moderator_may,
);

async fn messages_are_removed_by_what_they_are(town: Town) {
    let ben = town.discord.person("Ben");
    town.discord.join(town.guild, ben);
    town.start().await;
    let say = |user, words: &str| town.discord.say(user, town.channel, words);
    let has = |message| town.discord.has_message(town.channel, message);
    let old = town.discord.said(town.ana, town.channel, "old spam", days(20));
    let (a, b, c) = (
        say(town.ana, "SPAM one"),
        say(ben, "hello"),
        say(town.ana, "hello too"),
    );
    let said = told(
        &town,
        "purge",
        json!([number("count", 10), text("match", "spam")]),
    )
    .await;
    assert_eq!(said, "✅ Removed 1 message");
    assert!(!has(a) && has(b) && has(c) && has(old));
    let said = told(&town, "purge", json!([number("count", 1), who(town.ana)])).await;
    assert_eq!(said, "✅ Removed 1 message");
    assert!(has(b) && !has(c));
    let invite = say(ben, "join discord.gg/abc");
    let file = town.discord.say_with(
        ben,
        town.channel,
        "look",
        &json!({ "attachments": [{ "id": "1", "filename": "a.png" }] }),
    );
    told(&town, "purge", json!([number("count", 10), flag("invites")])).await;
    assert!(!has(invite) && has(file));
    told(&town, "purge", json!([number("count", 10), flag("attachments")])).await;
    assert!(!has(file) && has(b));
    let other_bot = town.discord.other_bot("music");
    town.discord.join(town.guild, other_bot);
    let tune = say(other_bot, "playing");
    let last = say(ben, "last");
    told(&town, "purge", json!([number("count", 10), flag("bots")])).await;
    assert!(!has(tune) && has(b) && has(last));
    let link = format!(
        "https://discord.com/channels/{}/{}/{last}",
        town.guild, town.channel
    );
    told(&town, "purge", json!([number("count", 10), text("from", &link)])).await;
    assert!(has(b) && !has(last));
    let said = told(
        &town,
        "purge",
        json!([number("count", 10), text("from", "yesterday")]),
    )
    .await;
    assert!(said.contains("the id or the link"), "{said}");
    let said = told(
        &town,
        "purge",
        json!([number("count", 10), text("match", "nowhere")]),
    )
    .await;
    assert!(said.starts_with("ℹ️ No message is like that"), "{said}");
    let said = told_to(&town, ben, "purge", json!([number("count", 10)])).await;
    assert!(said.contains("you need the permission Manage Messages"), "{said}");
    // Many go together.
    for n in 0..250 {
        say(ben, &n.to_string());
    }
    let said = told(
        &town,
        "purge",
        json!([number("count", 230), text("reason", "flood")]),
    )
    .await;
    assert_eq!(said, "✅ Removed 230 messages");
    assert_eq!(town.discord.messages(town.channel).len(), 250 - 230 + 2);
    let bulk = town.discord.requests_to("POST channels/{}/messages/bulk-delete");
    assert_eq!(bulk.len(), 3);
    assert_eq!(bulk[0].audit, Some(format!("{}: flood", town.owner)));
    let last = town.heard("moderation:deed", 7).await.pop().unwrap();
    let Event::Moderation(ModerationEvent::Deed(deed)) = last else {
        panic!("{last:?}")
    };
    assert_eq!(
        (deed.deed.as_str(), deed.count, deed.reason.as_deref()),
        ("purge", Some(230), Some("flood"))
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn one_person_is_removed_from_every_channel_where_the_moderator_may(town: Town) {
    let (other, closed) = (
        town.discord.channel(town.guild, "other"),
        town.discord.channel(town.guild, "closed"),
    );
    let thread = town.discord.thread(town.guild, other, "talk");
    let ben = town.discord.person("Ben");
    town.discord.join(town.guild, ben);
    let helper = town
        .discord
        .role(town.guild, "helper", 5, MANAGE_MESSAGES | EVERYBODY);
    town.discord.give(town.guild, ben, helper);
    let deny =
        json!({ "id": helper.to_string(), "type": 0, "allow": "0", "deny": MANAGE_MESSAGES.to_string() });
    town.discord.overwrite(closed, vec![deny]);
    town.start().await;
    until("the guild", || async {
        !town.events("guild:update").await.is_empty()
    })
    .await;
    let places = [town.channel, other, closed, thread];
    let bad: Vec<(u64, u64)> = places
        .iter()
        .flat_map(|place| (0..10).map(|n| (*place, town.discord.say(town.ana, *place, &format!("bad {n}")))))
        .collect();
    let good = town.discord.say(ben, other, "good");
    let said = told_to(
        &town,
        ben,
        "purge",
        json!([number("count", 25), who(town.ana), flag("everywhere")]),
    )
    .await;
    assert_eq!(said, "✅ Removed 25 messages in 3 channels");
    let left: Vec<u64> = bad
        .iter()
        .filter(|(place, id)| town.discord.has_message(*place, *id))
        .map(|(_, id)| *id)
        .collect();
    assert_eq!(left.len(), 15);
    // The newest went; in the closed channel all stayed.
    let of_closed = bad
        .iter()
        .filter(|(place, _)| *place == closed)
        .map(|(_, id)| *id);
    let oldest = bad[..5].iter().map(|(_, id)| *id);
    let expected: Vec<u64> = oldest.chain(of_closed).collect();
    assert_eq!(left, expected);
    assert!(town.discord.has_message(other, good));
    let said = told_to(&town, ben, "purge", json!([number("count", 25), place(closed)])).await;
    assert!(
        said.contains(&format!("Manage Messages in <#{closed}>")),
        "{said}"
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
