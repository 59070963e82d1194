//! What two do at once, and words as long as they may be.

use crate::town::{Town, text, who};
use lockdown_testkit::fakes::discord::permissions::ADMINISTRATOR;
use serde_json::json;

crate::town::sizes!(
    two_who_undo_at_once_undo_once,
    a_long_reason_in_any_letters_is_cut_where_discord_asks_for_it,
);

/// As much as Discord takes of a reason for its audit log.
const MOST: usize = 512;

async fn two_who_undo_at_once_undo_once(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    let log = town.discord.channel(town.guild, "mod-logs");
    let ana = town.discord.person("Ana");
    town.discord.join(town.guild, ana);
    let role = town.discord.role(town.guild, "moderators", 1, ADMINISTRATOR);
    town.discord.give(town.guild, ana, role);
    town.told(owner, "ban", json!([who(mallory)])).await;
    town.decided(1).await;
    town.until("the case is in the log", || async {
        town.discord.messages(log).len() == 1
    })
    .await;
    let message = &town.discord.messages(log)[0];
    let id: u64 = message["id"].as_str().unwrap().parse().unwrap();
    // Both have the form before them when the first of them sends it.
    let press = |person| town.discord.press(town.bot, person, log, id, "case undo");
    let forms = [(owner, press(owner)), (ana, press(ana))];
    for (_, form) in &forms {
        town.until("the form", || async { !town.discord.replies(form).is_empty() })
            .await;
    }
    let reason = [("reason", "the wrong person")];
    let sent = forms.map(|(person, form)| town.discord.fill_in(town.bot, person, log, &form, &reason));
    let said = [town.reply(&sent[0]).await, town.reply(&sent[1]).await];
    let undone = said.iter().filter(|said| said.contains("✅ Unbanned")).count();
    assert_eq!(undone, 1, "{said:?}");
    let late = said.iter().find(|said| !said.contains("✅ Unbanned")).unwrap();
    // It looked before the first was done, or after.
    let already = [
        "ℹ️ Already so: unban of ",
        "ℹ️ There is nothing of case #1 to undo",
    ];
    assert!(already.iter().any(|words| late.contains(words)), "{late}");
    assert_eq!(town.decided(1).await["state"], "lifted");
    assert_eq!(town.discord.requests_to("DELETE guilds/{}/bans/{}").len(), 1);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_long_reason_in_any_letters_is_cut_where_discord_asks_for_it(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    for (number, letter, count) in [(1, "ж", MOST), (3, "🦀", 500)] {
        let reason = letter.repeat(count);
        let said = town
            .told(owner, "ban", json!([who(mallory), text("reason", &reason)]))
            .await;
        assert!(said.contains(&format!("(Case #{number})")), "{said}");
        let case = town.decided(number).await;
        assert_eq!(
            (&case["state"], &case["reason"]),
            (&json!("applied"), &json!(reason))
        );
        let kept = town.discord.ban_reason(town.guild, mallory).unwrap();
        let length: usize = kept.chars().map(char::len_utf16).sum();
        assert!((MOST - 1..=MOST).contains(&length), "{length}: {kept}");
        assert!(kept.starts_with(&format!("{owner}: {letter}")), "{kept}");
        assert!(kept.ends_with(&format!("{letter}… [case {number}]")), "{kept}");
        town.told(owner, "unban", json!([who(mallory)])).await;
        // Whoever has no server in common with the bot cannot be written to.
        town.discord.join(town.guild, mallory);
    }
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
