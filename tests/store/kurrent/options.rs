//! How the cluster's address is read.

use std::path::PathBuf;

use parvandeh::store::kurrent::{ConnectError, KurrentOptions, OptionsError};

use super::connect;

#[test]
fn an_option_that_is_not_safe_is_refused_by_name_and_nothing_secret_is_repeated() {
    for (option, value) in [
        ("tlsVerifyCert", "false"),
        ("nodePreference", "follower"),
        ("nodePreference", "random"),
        ("defaultDeadline", "-1"),
        ("defaultDeadline", "5000"),
        ("keepAliveInterval", "-1"),
        ("keepAliveTimeout", "5"),
        ("maxDiscoverAttempts", "1"),
        ("gossipTimeout", "many"),
        ("connectionName", "%0d%0a"),
        ("tls", "perhaps"),
        ("tlsVerfyCert", "true"),
    ] {
        let address = format!("kurrentdb://admin:changeit-7@host:2113?{option}={value}");
        let error = KurrentOptions::parse(&address).unwrap_err();
        assert!(matches!(error, OptionsError::Option { .. }), "{option}={value}: {error}");
        let message = format!("{error} {error:?}");
        assert!(message.contains(option), "{message}");
        assert!(!message.contains("changeit"), "{message}");
    }
}

#[test]
fn an_address_that_is_none_is_refused_without_being_repeated() {
    for address in [
        "changeit-7",
        "postgres://admin:changeit-7@host",
        "kurrentdb://admin:changeit-7@",
        "kurrentdb://admin:changeit-7@host:port",
        "kurrentdb://admin:changeit-7@host:0",
        "kurrentdb://admin:changeit-7@host/path",
        "kurrentdb://admin:changeit-7@[::1]:2113",
        "kurrentdb://admin:changeit-7@host,,other",
        "kurrentdb+discover://admin:changeit-7@host,other",
        "kurrentdb://admin:changeit-7%zz@host",
        "kurrentdb://host?tls",
    ] {
        let error = KurrentOptions::parse(address).unwrap_err();
        assert!(matches!(error, OptionsError::Form(_)), "{address}: {error}");
        let message = format!("{error} {error:?}");
        assert!(!message.contains("changeit"), "{message}");
    }
}

#[test]
fn options_show_hosts_and_no_secret() {
    let address = "kurrentdb://admin:changeit-7@one:2114,two?tls=true&connectionName=desk";
    let options = KurrentOptions::parse(address).unwrap();
    assert_eq!(options.hosts(), "one:2114,two:2113");
    let shown = format!("{options:?}");
    assert!(shown.contains("one:2114") && !shown.contains("changeit"), "{shown}");
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let refused = async |change: &dyn Fn(&mut KurrentOptions), tls: bool| {
        let mut options = KurrentOptions::parse(&format!("kurrentdb://host?tls={tls}")).unwrap();
        change(&mut options);
        let error = connect(&directory.path().join("data"), options).await.unwrap_err();
        let ConnectError::Options(error) = error else { panic!("{error}") };
        assert!(!error.to_string().contains("changeit"), "{error}");
        error
    };
    let (user, password) = (file("user", "admin\n"), file("password", "changeit-7\n"));
    let both = |options: &mut KurrentOptions| {
        options.user_file = Some(user.clone());
        options.password_file = Some(password.clone());
    };
    assert_eq!(refused(&both, false).await, OptionsError::PlainPassword);
    let half = |options: &mut KurrentOptions| options.password_file = Some(password.clone());
    assert_eq!(refused(&half, true).await, OptionsError::HalfCredentials);
    let missing = |options: &mut KurrentOptions| options.user_file = Some("/nowhere/user".into());
    assert!(matches!(refused(&missing, true).await, OptionsError::File { .. }));
    let damaged = |options: &mut KurrentOptions| options.tls_ca_file = Some(user.clone());
    assert!(matches!(refused(&damaged, true).await, OptionsError::File { .. }));
    let prefix = |options: &mut KurrentOptions| options.prefix = "a.b".into();
    assert_eq!(refused(&prefix, true).await, OptionsError::Prefix);
    assert!(!directory.path().join("data").exists());
}
