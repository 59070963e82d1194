//! Rules that Discord's own AutoMod knows too.

use crate::town::{Town, text, who};
use lockdown_bus::{Glob, Query};
use serde_json::{Value, json};

crate::town::sizes!(what_automod_stops_is_judged_once,);

const RULES: &str = "version: 1\nrules:\n  - id: no_scam\n    events: [message, edit]\n    when: [text.has_any(scam)]\n    \
                     then: [delete, timeout 1h]\n  - id: newcomers\n    events: [message, edit]\n    \
                     when: [author.messages < 5]\n    then: [delete]\n  - id: stopped\n    events: [native]\n    \
                     when: [native.action == block]\n    then: [ban]\n    limit: {actions: 3, per: 10m, then: pause}\n\
                     lists:\n  scam: {words: [free nitro]}\n";
const FORBIDDEN: &str = "get your free nitro here";

/// The rules of AutoMod, by how many words they have.
fn words(town: &Town) -> Vec<usize> {
    let rules = town.discord.automod_rules(town.guild);
    let words = |rule: &Value| {
        rule["trigger_metadata"]["keyword_filter"]
            .as_array()
            .map_or(0, Vec::len)
    };
    rules.iter().map(words).collect()
}

async fn what_automod_stops_is_judged_once(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    town.route("putRules", Some(json!(RULES))).await;
    let wanted = json!([{ "name": "automod", "type": 5, "value": true }]);
    let said = town.told(owner, "config set", wanted).await;
    assert!(said.contains("**Rules in Discord's AutoMod**: yes"), "{said}");
    town.until("AutoMod has the rule", || async { words(&town) == [1] })
        .await;
    town.until("the moderators are told so", || async {
        let said = town.told(owner, "rules list", json!([])).await;
        said.contains("**no\\_scam**: acts; AutoMod stops it before anybody sees it")
            && said.contains("**newcomers**: acts; not in AutoMod: ")
    })
    .await;
    // Nobody sees it, and what else the rule does is done, once: neither do those rules act that people have for AutoMod's own.
    let message = town.discord.say(mallory, town.channel, FORBIDDEN);
    assert!(!town.discord.has_message(town.channel, message));
    let case = town.decided(1).await;
    assert_eq!(
        (&case["action"], &case["state"], &case["actor"]),
        (&json!("mute"), &json!("applied"), &json!("rule:no_scam"))
    );
    let said = town
        .told(owner, "note", json!([who(mallory), text("text", "after it")]))
        .await;
    assert!(said.contains("(Case #2)"), "one case and no more: {said}");
    let query = Query {
        types: vec![Glob::new("moderation:automod")],
        ..Query::default()
    };
    let verdicts = town
        .bus
        .history()
        .page(&query, None, 100)
        .await
        .unwrap()
        .entries
        .len();
    assert_eq!(verdicts, 1);
    let deleted = town.discord.requests_to("DELETE channels/{}/messages/{}");
    assert!(deleted.is_empty(), "there was nothing to delete");
    // Where the rule acts no more, AutoMod does not either.
    town.told(owner, "rules shadow", json!([text("rule", "no_scam")]))
        .await;
    town.until("AutoMod has it no more", || async { words(&town).is_empty() })
        .await;
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
