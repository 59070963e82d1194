//! By which others tell us something.

use crate::fixture::Fixture;
use lockdown_runtime::Secret;
use lockdown_store::guilds::GuildKey;
use lockdown_store::hooks::{Hook, HookId};
use lockdown_store::{StoreError, in_read, in_tx};

async fn add(fixture: &Fixture, name: &str, guild: GuildKey) -> Option<Hook> {
    let hook = Hook {
        id: HookId(fixture.ids.next()),
        name: name.to_owned(),
        guild_id: guild,
        topic: "deploy:done".to_owned(),
        created_at: fixture.now(),
    };
    let secret = Secret::new(format!("secret of {name}"));
    let added = in_tx!(fixture.store, |tx| { tx.insert_hook(&hook, &secret).await });
    added.unwrap().then_some(hook)
}

pub(crate) async fn a_hook_has_one_name_and_one_guild(fixture: Fixture) {
    let (here, there) = (fixture.guild, fixture.add_guild("200").await.id);
    let second = add(&fixture, "b", here).await.unwrap();
    let first = add(&fixture, "a", here).await.unwrap();
    assert!(
        add(&fixture, "a", there).await.is_none(),
        "there is one of a name"
    );
    let read = async |name: &'static str| {
        in_read!(fixture.store, |conn| {
            Ok::<_, StoreError>((
                conn.hooks(here).await?,
                conn.hooks(there).await?,
                conn.hook_by_name(name).await?,
            ))
        })
        .unwrap()
    };
    let (ours, theirs, found) = read("a").await;
    assert_eq!((ours, theirs.len()), (vec![first.clone(), second.clone()], 0));
    let found = found.unwrap();
    assert_eq!((found.hook, found.secret.expose()), (first, "secret of a"));
    let delete = async |guild, name: &'static str| {
        in_tx!(fixture.store, |tx| { tx.delete_hook(guild, name).await }).unwrap()
    };
    assert!(!delete(there, "a").await, "it is another's");
    assert!(delete(here, "a").await);
    assert!(!delete(here, "a").await);
    let (ours, _, found) = read("a").await;
    assert_eq!((ours, found), (vec![second], None));
}
