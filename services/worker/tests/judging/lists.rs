//! The lists that an operator keeps on disk.

use crate::house::House;
use lockdown_runtime::Config;
use lockdown_store::policies::PolicyMode;

const RULES: &str = "version: 1
rules:
  - id: bad
    events: [message]
    when: [links.bad]
    then: [delete]
  - id: bank
    events: [message]
    when: [links.any_in(scam_bank)]
    then: [delete]
";

pub(crate) async fn links_on_the_lists_of_the_installation_are_bad(mut house: House) {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("lists")).unwrap();
    std::fs::write(data.path().join("lists/scam_bank.txt"), "# ours\nscam.example\n").unwrap();
    house.dismiss().await;
    let config = Config::from_map([("LOCKDOWN_DATA_DIR", data.path())]).unwrap();
    house.hire_with(config).await;
    house.change(RULES, 0, PolicyMode::Enforce).await;
    house
        .publish(&house.says("7", "see https://fine.example/a", 1))
        .await;
    house
        .publish(&house.says("8", "see https://a.scam.example/b", 2))
        .await;
    let verdict = house.verdict().await;
    assert_eq!(verdict.user_id.as_str(), "8");
    assert_eq!(verdict.rules.len(), 2, "{:?}", verdict.rules);
    house.stop().await;
}
